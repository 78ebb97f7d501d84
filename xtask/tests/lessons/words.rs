//! Words, parts of words, and BERT.

use anyhow::Result;
use examples::lesson::Page;
use rstest::rstest;
use tinderbox::prelude::*;

use super::*;

#[rstest]
fn embeddings_find_the_course_s_words(#[values("flex", "ndarray")] device: &str) -> Result<()> {
    let mut page = Page::in_memory();
    word_embeddings::lesson(&mut page, &cpu(device))?;
    assert_results(
        &page,
        &[
            ("words", "40000"),
            ("id of beautiful", "3367"),
            ("chip", "chips 0.856, intel 0.749, electronics 0.749"),
            ("baby", "babies 0.839, boy 0.800, girl 0.792"),
            ("beautiful", "lovely 0.921, gorgeous 0.893, wonderful 0.830"),
            ("man : woman = son", "daughter"),
            ("beijing : china = tokyo", "japan"),
            ("bad : worst = big", "biggest"),
            ("do : did = go", "went"),
            ("tokens of the vocabulary", "6"),
            ("tokens with a vector", "4"),
            ("frozen: shape of a sentence", "[1, 4, 50]"),
            ("frozen: has a gradient", "false"),
            ("trained: has a gradient", "true"),
        ],
    )
}

#[test]
fn merges_are_those_of_the_course() -> Result<()> {
    let mut page = Page::in_memory();
    byte_pair_encoding::lesson(&mut page)?;
    assert_results(
        &page,
        &[
            ("merges", "ta tal tall fa fas fast er er_ tall_ fast_"),
            ("fast_", "fast_"),
            ("faster_", "fast er_"),
            ("tall_", "tall_"),
            ("taller_", "tall er_"),
            ("tallest_", "tall e s t _"),
            ("fatter_", "fa t t er_"),
            ("café_", "c a f <unk> _"),
            ("bytes of é", "[195, 169]"),
            ("0 / symbols", "27"),
            ("200 / symbols", "227"),
        ],
    )?;
    let tokens = |merges: &str| page.number(&format!("{merges} / tokens"));
    assert!(tokens("200")? < 0.65 * tokens("0")? && tokens("50")? > tokens("200")?);
    Ok(())
}

#[rstest]
fn skip_grams_have_the_course_s_shapes_and_losses(
    #[values("flex", "ndarray")] device: &str,
) -> Result<()> {
    let mut page = Page::in_memory();
    approximate_training::lesson(&mut page, &cpu(device), Seed::new(0))?;
    assert_results(
        &page,
        &[
            ("softmax / vectors for each word", "4580"),
            ("hierarchical softmax / vectors for each word", "13"),
            ("sum of the probabilities", "1.0"),
            ("around 2", "[0, 1, 3, 4]"),
            ("around 7", "[8, 9]"),
            ("around 8", "[7, 9]"),
            ("the / before", "2261"),
            ("centers", "[512, 1]"),
            ("contexts and noise", "[512, 60]"),
            ("padding", "[512, 60]"),
            ("labels", "[512, 60]"),
            ("words for each context word", "6.0"),
            ("loss 1", "0.9352"),
            ("loss 2", "1.8462"),
            ("mean over the words", "0.693"),
        ],
    )?;
    assert!(page.number("the / after")? < 0.1 * 2261.0);
    assert!(page.number("mean over the padding too")? < 0.5);
    Ok(())
}

#[rstest]
fn bert_has_the_course_s_shapes(#[values("flex", "ndarray")] device: &str) -> Result<()> {
    let mut page = Page::in_memory();
    bert_inputs::lesson(&mut page, &cpu(device), Seed::new(0))?;
    assert_results(
        &page,
        &[
            ("reserved tokens", "<unk> <pad> <mask> <cls> <sep>"),
            ("tokens and types", "[512, 64]"),
            ("lengths", "[512]"),
            ("places, labels and weights", "[512, 10]"),
            ("is it the next sentence", "[512]"),
            ("vectors of the tokens", "[2, 8, 768]"),
            ("logits of the asked tokens", "[2, 3, 10000]"),
            ("logits of the next sentence", "[2, 2]"),
        ],
    )?;
    assert_between(&page, "share of the tokens", 0.14, 0.16)?;
    assert_between(&page, "masked tokens", 8.7, 9.7)?;
    assert_between(&page, "next sentence", 0.3, 1.2)?;
    let divided = |by: &str| page.number(&format!("divided by the {by}"));
    assert!((divided("places")? - divided("weights")? / 2.0).abs() < 0.02);
    Ok(())
}

#[rstest]
fn fine_tuning_uses_what_was_pretrained(#[values("flex", "ndarray")] device: &str) -> Result<()> {
    let mut page = Page::in_memory();
    fine_tuning::lesson(&mut page, &cpu(device), Seed::new(0))?;
    assert_results(
        &page,
        &[
            ("types of a pair", "[0, 0, 0, 0, 1, 1, 1]"),
            ("vectors", "[2, 7, 16]"),
            ("classes of a text or a pair", "[2, 3]"),
            ("tags of the tokens", "[2, 7, 5]"),
            ("start and end of an answer", "[2, 7, 2]"),
            // Embeddings of 27 + 16 + 2 rows, their norm, a block of 2,224, and 34 of the new layer.
            ("all, from scratch / parameters", "3010"),
            ("the new layer / parameters", "34"),
            ("all layers / parameters", "3010"),
            ("LoRA, rank 2 / parameters", "162"),
            // With the pooler, which the mean of the vectors does not use.
            ("parameters with adapters", "3410"),
            ("parameters merged", "3282"),
            ("difference is below 0.00001", "true"),
            ("classifier / learning rate", "0.0040"),
            ("bert.encoder.layer.0 / learning rate", "0.0020"),
            ("bert.embeddings / learning rate", "0.0010"),
        ],
    )?;
    let accuracy = |of: &str| page.number(&format!("{of} / accuracy"));
    assert!(accuracy("all, from scratch")? < 0.65);
    assert!(accuracy("all layers")? > 0.95 && accuracy("LoRA, rank 2")? > 0.85);
    assert!(accuracy("the new layer")? > 0.55);
    assert_between(&page, "accuracy", 0.85, 1.0)?;
    assert_between(&page, "accuracy with 0.1 everywhere", 0.3, 0.7)?;
    let change = |part: &str| page.number(&format!("{part} / mean change"));
    assert!(change("bert.encoder.layer.0")? > change("bert.embeddings")?);
    Ok(())
}
