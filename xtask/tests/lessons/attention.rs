//! Attention and the Transformer.

use anyhow::Result;
use examples::lesson::Page;
use rstest::rstest;
use tinderbox::prelude::*;

use super::*;

#[rstest]
fn attention_pooling_beats_the_mean(#[values("flex", "ndarray")] device: &str) -> Result<()> {
    let mut page = Page::in_memory();
    attention_pooling::lesson(&mut page, &cpu(device), Seed::new(0))?;
    assert_results(
        &page,
        &[
            ("weighted means", "[4.5, 14.5]"),
            ("each query's weights sum to 1", "true"),
        ],
    )?;
    let error = |what: &str| page.number(&format!("{what}: squared error"));
    assert!(error("near")? < 0.7 * error("mean")?);
    assert!(error("learned")? < 0.5 * error("near")?);
    assert!(error("learned")? < error("examples see themselves")?);
    assert!(page.number("w")? > 1.0);
    assert!(page.number("w, examples see themselves")? > 1.5 * page.number("w")?);
    assert!(page.number("loss after")? < page.number("loss before")?);
    assert_figures(&page, &["pooling", "weights_near", "weights_learnt"]);
    Ok(())
}

#[rstest]
fn scoring_functions_print_what_the_course_prints(
    #[values("flex", "ndarray")] device: &str,
) -> Result<()> {
    let mut page = Page::in_memory();
    attention_scores::lesson(&mut page, &cpu(device), Seed::new(0))?;
    let means = "[[[2.0, 3.0, 4.0, 5.0]], [[10.0, 11.0, 12.0, 13.0]]]";
    assert_results(
        &page,
        &[
            ("weight of the padding", "[0.0, 0.0]"),
            ("everything masked", "[0.25, 0.25, 0.25, 0.25]"),
            ("additive", means),
            ("dot product", means),
        ],
    )?;
    for (size, variance) in [("4", 4.0), ("64", 64.0), ("1024", 1024.0)] {
        let (low, high) = (0.85 * variance, 1.15 * variance);
        assert_between(&page, &format!("{size} / variance"), low - 1.0, high)?;
        let scaled = page.number(&format!("{size} / with the root"))?;
        assert!((0.05..0.25).contains(&scaled), "{size}: {scaled}");
    }
    assert!(page.number("1024 / largest weight")? > 0.8);
    assert_figures(&page, &["equal_keys"]);
    Ok(())
}

#[rstest]
fn heads_are_attentions_of_their_own(#[values("flex", "ndarray")] device: &str) -> Result<()> {
    let mut page = Page::in_memory();
    multihead_attention::lesson(&mut page, &cpu(device), Seed::new(0))?;
    assert_results(
        &page,
        &[
            ("queries", "[2, 4, 100]"),
            ("queries of all heads", "[10, 4, 20]"),
            ("joined again, the same numbers", "[true]"),
            (
                "numbers 20 to 39 are the second head's own attention",
                "true",
            ),
            ("outputs", "[2, 4, 100]"),
            ("weights", "[2, 5, 4, 6]"),
            ("parameters with 1 heads", "40400"),
            ("parameters with 5 heads", "40400"),
            ("parameters with 20 heads", "40400"),
            (
                "masked: query by key",
                "[[false, true, true, true], [false, false, true, true], \
                 [false, false, false, true], [false, false, false, false]]",
            ),
            (
                "changed by another last token, step by step",
                "false false false true",
            ),
        ],
    )?;
    let refused = page.result("3 heads of 100 numbers")?;
    assert!(refused.contains("must divide evenly"), "{refused}");
    assert_figures(&page, &["heads"]);
    Ok(())
}

#[rstest]
fn self_attention_needs_positions(#[values("flex", "ndarray")] device: &str) -> Result<()> {
    let mut page = Page::in_memory();
    self_attention::lesson(&mut page, &cpu(device), Seed::new(0))?;
    assert_results(
        &page,
        &[
            ("inputs", "[2, 4, 100]"),
            ("outputs", "[2, 4, 100]"),
            ("reversed inputs, reversed outputs", "true"),
            ("the same with positions added", "false"),
            ("position 0, first four", "[[0.0, 1.0, 0.0, 1.0]]"),
            (
                "position 1, first four",
                "[[0.84147, 0.5403, 0.53317, 0.84601]]",
            ),
            ("0 to 7 in binary", "000 001 010 011 100 101 110 111"),
            // 16 pairs, each sin^2 + cos^2.
            ("position 0 · position 0", "16.000"),
            ("a shift by 5 is a turn, at 3 and at 40", "true"),
        ],
    )?;
    for (one, other) in [
        ("position 0 · position 5", "position 20 · position 25"),
        ("position 0 · position 30", "position 25 · position 55"),
    ] {
        let off = page.number(one)? - page.number(other)?;
        assert!(off.abs() < 2e-3, "{one}: {off}");
    }
    assert_figures(&page, &["columns", "encoding"]);
    Ok(())
}

#[rstest]
fn transformer_blocks_keep_shapes_and_look_back_only(
    #[values("flex", "ndarray")] device: &str,
) -> Result<()> {
    let mut page = Page::in_memory();
    transformer_blocks::lesson(&mut page, &cpu(device), Seed::new(0))?;
    assert_results(
        &page,
        &[
            ("ones of 2 x 3 x 4 become", "[2, 3, 8]"),
            ("all steps alike", "true"),
            (
                "layer norm of [[1, 2], [2, 3]]",
                "[[-1.0, 1.0], [-1.0, 1.0]]",
            ),
            ("batch norm of it", "[[-1.0, -1.0], [1.0, 1.0]]"),
            ("the layer gives the same to 0.0001", "true"),
            ("outputs of the encoder", "[2, 100, 24]"),
            ("weights of each of its blocks", "[2, 8, 100, 100]"),
            // Attention 4 (24^2 + 24), feed-forward 2 x 24 x 48 + 72, norms 2 x 48.
            ("parameters of the encoder", "9744"),
            ("parameters of the decoder", "14640"),
            ("outputs of the decoder", "[2, 6, 24]"),
            ("its weights to itself", "[2, 8, 6, 6]"),
            ("its weights to the encoder", "[2, 8, 6, 100]"),
            ("step by step is the same as at once", "true"),
            ("with the mask, the first step changes", "false"),
            ("without it", "true"),
        ],
    )?;
    assert_figures(&page, &["causal"]);
    Ok(())
}
