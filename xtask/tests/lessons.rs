//! Every lesson runs on both CPU backends and prints the results of the course.
#![recursion_limit = "256"]

#[path = "lessons/attention.rs"]
mod attention;
#[path = "lessons/devices.rs"]
mod devices;
#[path = "lessons/preliminaries.rs"]
mod preliminaries;
#[path = "lessons/regression.rs"]
mod regression;
#[path = "lessons/sequences.rs"]
mod sequences;
#[path = "lessons/students.rs"]
mod students;
#[path = "lessons/words.rs"]
mod words;

use anyhow::Result;
use examples::lesson::Page;
use tinderbox::prelude::*;

/// The lessons as they are run, except for their `main`.
macro_rules! lessons {
    ($($path:literal $name:ident),* $(,)?) => {
        $(#[allow(dead_code)] // `main`
        #[path = $path]
        mod $name;)*
    };
}

lessons! {
    "../../examples/lessons/tensors.rs" tensors,
    "../../examples/lessons/preprocessing.rs" preprocessing,
    "../../examples/lessons/linear_algebra.rs" linear_algebra,
    "../../examples/lessons/calculus.rs" calculus,
    "../../examples/lessons/autograd.rs" autograd,
    "../../examples/lessons/linear_regression_exact.rs" linear_regression_exact,
    "../../examples/lessons/batch_size.rs" batch_size,
    "../../examples/lessons/gradient_descent.rs" gradient_descent,
    "../../examples/lessons/overfitting.rs" overfitting,
    "../../examples/lessons/weight_decay.rs" weight_decay,
    "../../examples/lessons/dropout_demo.rs" dropout_demo,
    "../../examples/lessons/text_preprocessing.rs" text_preprocessing,
    "../../examples/lessons/text_batches.rs" text_batches,
    "../../examples/lessons/rnn_from_scratch.rs" rnn_from_scratch,
    "../../examples/lessons/backpropagation_through_time.rs" backpropagation_through_time,
    "../../examples/lessons/gated_cells.rs" gated_cells,
    "../../examples/lessons/encoder_decoder.rs" encoder_decoder,
    "../../examples/lessons/attention_pooling.rs" attention_pooling,
    "../../examples/lessons/attention_scores.rs" attention_scores,
    "../../examples/lessons/multihead_attention.rs" multihead_attention,
    "../../examples/lessons/self_attention.rs" self_attention,
    "../../examples/lessons/transformer_blocks.rs" transformer_blocks,
    "../../examples/lessons/approximate_training.rs" approximate_training,
    "../../examples/lessons/byte_pair_encoding.rs" byte_pair_encoding,
    "../../examples/lessons/word_embeddings.rs" word_embeddings,
    "../../examples/lessons/bert_inputs.rs" bert_inputs,
    "../../examples/lessons/fine_tuning.rs" fine_tuning,
    "../../examples/lessons/multiple_devices.rs" multiple_devices,
    "../../examples/questions/squared_loss.rs" squared_loss,
    "../../examples/questions/mean_or_sum.rs" mean_or_sum,
    "../../examples/questions/learning_rate.rs" learning_rate,
    "../../examples/questions/newton.rs" newton,
    "../../examples/questions/memory.rs" memory,
    "../../examples/questions/when_to_stop.rs" when_to_stop,
}

#[allow(deprecated)] // Burn drops ndarray in 0.23
fn cpu(name: &str) -> Device {
    match name {
        "flex" => Device::flex(),
        _ => Device::ndarray(),
    }
}

/// These results were printed.
fn assert_results(page: &Page, expected: &[(&str, &str)]) -> Result<()> {
    for (what, value) in expected {
        assert_eq!(page.result(what)?, *value, "{what}");
    }
    Ok(())
}

/// The result with this name lies in the range.
fn assert_between(page: &Page, what: &str, low: f64, high: f64) -> Result<()> {
    let value = page.number(what)?;
    assert!(
        (low..=high).contains(&value),
        "{what}: {value} is not between {low} and {high}"
    );
    Ok(())
}

/// The page has these figures, each an SVG document.
fn assert_figures(page: &Page, names: &[&str]) {
    let found: Vec<&str> = page
        .figures()
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(found, names);
    assert!(
        page.figures()
            .iter()
            .all(|(_, svg)| svg.starts_with("<svg"))
    );
}
