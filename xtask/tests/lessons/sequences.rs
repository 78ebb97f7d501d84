//! Text as data and recurrent networks.

use anyhow::Result;
use examples::lesson::Page;
use rstest::rstest;
use tinderbox::prelude::*;

use super::*;

#[test]
fn text_preprocessing_prints_what_the_course_prints() -> Result<()> {
    let mut page = Page::in_memory();
    text_preprocessing::lesson(&mut page)?;
    assert_results(
        &page,
        &[
            ("lines", "3221"),
            ("line 0, normalized", "the time machine by h g wells"),
            (
                "line 10, normalized",
                "twinkled and his usually pale face was flushed and animated the",
            ),
            ("words / number", "32775"),
            ("words / kinds", "4579"),
            ("characters / number", "170580"),
            ("characters / kinds", "27"),
            ("first tokens", "<unk> the i and of a to was in that"),
            ("line 0 as ids", "[1, 19, 50, 40, 2183, 2184, 400]"),
            (
                "line 10 as ids",
                "[2186, 3, 25, 1044, 362, 113, 7, 1421, 3, 1045, 1]",
            ),
            ("characters in the vocabulary, with <unk>", "28"),
            ("the / times", "2261"),
            ("i / times", "1267"),
            ("and / times", "1245"),
            ("of / times", "1155"),
            ("a / times", "816"),
            ("to / times", "695"),
            ("was / times", "552"),
            ("in / times", "541"),
            ("that / times", "443"),
            ("my / times", "440"),
            ("two words: of the", "309"),
            ("two words: in the", "169"),
            ("three words: the time traveller", "59"),
        ],
    )?;
    // Zipf's law has a slope of about -1; longer sequences are flatter.
    assert_between(&page, "words: slope of the line", -1.2, -0.9)?;
    let slope = |what: &str| page.number(&format!("{what}: slope of the line"));
    assert!(slope("words")? < slope("two words")?);
    assert!(slope("two words")? < slope("three words")?);
    assert_figures(&page, &["zipf"]);
    Ok(())
}

#[rstest]
fn batches_of_a_text_are_those_of_the_course(
    #[values("flex", "ndarray")] device: &str,
) -> Result<()> {
    let mut page = Page::in_memory();
    text_batches::lesson(&mut page, &cpu(device), Seed::new(0))?;
    assert_results(
        &page,
        &[
            (
                "sequential 0: inputs",
                "[[0, 1, 2, 3, 4], [17, 18, 19, 20, 21]]",
            ),
            (
                "sequential 0: targets",
                "[[1, 2, 3, 4, 5], [18, 19, 20, 21, 22]]",
            ),
            ("sequential 0: continues", "false"),
            (
                "sequential 2: inputs",
                "[[10, 11, 12, 13, 14], [27, 28, 29, 30, 31]]",
            ),
            ("sequential 2: continues", "true"),
            ("batches, the last one kept", "4"),
            ("targets, the last one kept", "34"),
            ("batches, the last one dropped", "3"),
            ("targets, the last one dropped", "30"),
            ("random 2: targets follow", "[true]"),
            ("random 2: continues", "false"),
            ("always right and certain", "1.0"),
            ("all 4 tokens equally probable", "4.0"),
            ("once certain and wrong", "inf"),
        ],
    )?;
    let starts = page.result("first token of 6 epochs")?;
    let starts = starts.trim_matches(['[', ']']).split(", ");
    let starts: Vec<f64> = starts.map(str::parse).collect::<Result<_, _>>()?;
    assert!(starts.iter().all(|start| (0.0..5.0).contains(start)));
    assert!(starts.iter().any(|start| *start != starts[0]), "{starts:?}");
    Ok(())
}

#[rstest]
fn a_recurrent_network_from_scratch_learns(
    #[values("flex", "ndarray")] device: &str,
) -> Result<()> {
    let mut page = Page::in_memory();
    rnn_from_scratch::lesson(&mut page, &cpu(device), Seed::new(0), 60)?;
    assert_results(
        &page,
        &[
            (
                "0 and 2 as one-hot vectors, first four",
                "[[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]",
            ),
            ("a batch of 2 x 5, steps first", "[5, 2, 28]"),
            ("logits of 2 x 5 tokens, 512 units", "[10, 28]"),
            ("the state", "[2, 512]"),
            ("parameters", "291356"),
            ("length of [3, 0] and [0, 4] together", "5.0"),
            ("clipped", "[[0.6, 0.0], [0.0, 0.8]]"),
        ],
    )?;
    // Guessing among all tokens is above 20; frequencies alone give 17.
    assert!(page.number("perplexity, first epoch")? > 15.0);
    assert!(page.number("perplexity, last epoch")? < 12.0);
    assert_between(&page, "longest gradient before clipping", 0.1, 5.0)?;
    assert!(page.result("trained")?.starts_with("time traveller"));
    assert_eq!(page.result("trained")?.len(), 54);
    assert_figures(&page, &["perplexity"]);
    Ok(())
}

#[rstest]
fn gradients_through_time_explode_and_vanish(
    #[values("flex", "ndarray")] device: &str,
) -> Result<()> {
    let mut page = Page::in_memory();
    backpropagation_through_time::lesson(&mut page, &cpu(device), Seed::new(0))?;
    assert_results(
        &page,
        &[
            ("dh/dw", "3.75"),
            ("by the formula", "3.75"),
            ("dh/dw over the last two steps", "3.5"),
            ("dh/dw over the last step alone", "2.75"),
            ("0.9 / 100 steps", "2.656e-5"),
            ("1 / 100 steps", "1.0"),
            ("1.1 / 100 steps", "13780.6"),
        ],
    )?;
    // An orthogonal matrix times f multiplies the gradient by f at every step.
    let near = |what: &str, expected: f64| -> Result<()> {
        let value = page.number(what)?;
        assert!((value / expected - 1.0).abs() < 1e-3, "{what}: {value}");
        Ok(())
    };
    near("factor 0.9 / 50 back", 0.9f64.powi(50))?;
    near("factor 1 / 50 back", 1.0)?;
    near("factor 1.1 / 50 back", 1.1f64.powi(50))?;
    assert!(page.number("factor 1, tanh / 50 back")? < 1.0);
    assert_figures(&page, &["gradients"]);
    Ok(())
}

#[rstest]
fn gates_keep_and_overwrite(#[values("flex", "ndarray")] device: &str) -> Result<()> {
    let mut page = Page::in_memory();
    gated_cells::lesson(&mut page, &cpu(device), Seed::new(0))?;
    let tanh_half = "[[0.46212, 0.46212, 0.46212]]";
    assert_results(
        &page,
        &[
            ("the state", "[[0.1, -0.5, 0.9]]"),
            ("update open: the state stays", "[[0.1, -0.5, 0.9]]"),
            (
                "update closed: tanh(state + 0.5)",
                "[[0.53705, 0.0, 0.88535]]",
            ),
            ("reset closed too: tanh(0.5)", tanh_half),
            (
                "forget open, input closed: the memory stays",
                "[[0.1, -0.5, 0.9]]",
            ),
            ("forget closed, input open: tanh(0.5)", tanh_half),
            ("output closed: nothing is shown", "[[0.0, 0.0, 0.0]]"),
            ("RNN layer", "80412"),
            ("GRU from scratch", "226076"),
            ("GRU layer", "226844"),
            ("LSTM from scratch", "299036"),
            ("LSTM layer", "300060"),
        ],
    )?;
    let far = |cell: &str| page.number(&format!("{cell} / 60 steps"));
    assert!(far("GRU, update bias 3")? > 100.0 * far("GRU")?);
    assert!(far("LSTM, forget bias 3")? > 100.0 * far("LSTM")?);
    assert!(far("LSTM, forget bias 3")? > 10.0 * far("RNN")?);
    assert_figures(&page, &["reach"]);
    Ok(())
}

#[rstest]
fn encoder_and_decoder_print_what_the_course_prints(
    #[values("flex", "ndarray")] device: &str,
) -> Result<()> {
    let mut page = Page::in_memory();
    encoder_decoder::lesson(&mut page, &cpu(device), Seed::new(0))?;
    assert_results(
        &page,
        &[
            ("vocabulary", "<unk> <pad> <bos> <eos> . go i lost"),
            ("\"go .\"", "[5, 4, 3, 1, 1]"),
            ("\"i lost .\"", "[6, 7, 4, 3, 1]"),
            ("outputs of the encoder (steps first)", "[7, 4, 16]"),
            ("its state", "[2, 4, 16]"),
            ("outputs of the decoder", "[4, 7, 10]"),
            ("the state after it", "[2, 4, 16]"),
            ("lengths 1 and 2", "[[1.0, 0.0, 0.0], [4.0, 5.0, 0.0]]"),
            (
                "mean over the 4 steps, as the course prints",
                "[2.3026, 1.1513, 0.0]",
            ),
            ("sum / places", "1.1513"),
            ("sum / tokens", "2.3026"),
            (
                "gradient of each step, 2 tokens and <pad>",
                "[1.5, 1.5, 0.0]",
            ),
            ("the same without a mask", "[1.5, 1.5, 1.5]"),
            ("va ! / va !", "1.000"),
            ("j'ai perdu . / j'ai perdu .", "1.000"),
        ],
    )?;
    let bleu = |written: &str| page.number(written);
    // The penalty for what is too short: exp(1 - 5/3), p1 = 1 and p2 = 1/2.
    let short = bleu("je suis . / je suis chez moi .")?;
    let expected = (1.0f64 - 5.0 / 3.0).exp() * 0.5f64.powf(0.25);
    assert!((short - expected).abs() < 1e-3, "{short} {expected}");
    let wrong = bleu("il est malade . / il est calme .")?;
    let expected = 0.75f64.sqrt() * (1.0f64 / 3.0).powf(0.25);
    assert!((wrong - expected).abs() < 1e-3, "{wrong} {expected}");
    Ok(())
}
