//! `cargo xtask bench --kernels`: convolutions and whole models with the kernels of `tinderbox-kernels`, with
//! Burn's own operations and in PyTorch.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use xshell::{Shell, cmd};

use super::speed::{self, Measured};

/// A line of `examples/layers.rs`: the best seconds, and percent of the multiply-adds that the processor reached.
#[derive(Deserialize)]
struct Layer {
    name: String,
    stock: f64,
    ours: f64,
    peak: f64,
    stock_both: f64,
    ours_both: f64,
    peak_both: f64,
}

/// A line of `examples/layers.py`.
#[derive(Deserialize)]
struct Theirs {
    name: String,
    forward: f64,
    both: f64,
}

/// Measures the layers whose name contains `filter`, and without a filter the training of the image models too.
pub fn measure(
    shell: &Shell,
    target: &Path,
    python: Option<&Path>,
    filter: &str,
) -> Result<String> {
    // With xtask beside it, so that Burn is built with the features that everything else has.
    let packages = ["--package", "xtask", "--package", "tinderbox-kernels"];
    let features = "tinderbox-kernels/flex";
    cmd!(
        shell,
        "cargo build {packages...} --features {features} --example layers"
    )
    .run()?;
    let layers = target.join("debug/examples/layers");
    let ours = lines::<Layer>("layers.rs", &cmd!(shell, "{layers} {filter}").read()?)?;
    let script = "crates/tinderbox-kernels/examples/layers.py";
    let theirs = match python {
        Some(python) => {
            lines::<Theirs>(script, &cmd!(shell, "{python} {script} {filter}").read()?)?
        }
        None => Vec::new(),
    };
    let mut text = String::new();
    if python.is_none() {
        text += "PyTorch is missing: no Python that can import torch was found. Name one with TINDERBOX_PYTHON.\n\n";
    }
    text += &layer_table(&ours, &theirs);
    if filter.is_empty() {
        let models = |kernels: Option<&str>, python: Option<&Path>| -> Result<Measured> {
            let _variable = kernels.map(|value| shell.push_env("TINDERBOX_KERNELS", value));
            speed::measure(shell, target, python, "images/")
        };
        let (stock, all) = (models(Some("stock"), None)?, models(None, python)?);
        text += "\n";
        text += &model_table(&stock, &all);
    }
    Ok(text)
}

fn lines<T: serde::de::DeserializeOwned>(program: &str, text: &str) -> Result<Vec<T>> {
    let read = |line: &str| {
        serde_json::from_str(line).with_context(|| format!("{program} printed: {line}"))
    };
    text.lines().map(read).collect()
}

fn layer_table(ours: &[Layer], theirs: &[Theirs]) -> String {
    let theirs: BTreeMap<_, _> = theirs.iter().map(|one| (one.name.as_str(), one)).collect();
    let mut text = String::from(
        "Best milliseconds of each convolution, forward and forward with backward, and percent of the multiply-adds \
         that the processor reached in registers in the same run:\n\n\
         | layer | stock Burn | Tinderbox | PyTorch | PyTorch / Tinderbox | peak | stock, both | Tinderbox, both | \
         PyTorch, both | PyTorch / Tinderbox | peak |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for layer in ours {
        let theirs = theirs.get(layer.name.as_str());
        let cells = |stock: f64, ours: f64, theirs: Option<f64>, peak: f64| {
            let ms = |seconds: f64| format!("{:.3}", 1e3 * seconds);
            let ratio = theirs.map(|theirs| format!("{:.2} x", theirs / ours));
            format!(
                "{} | {} | {} | {} | {peak:.0} %",
                ms(stock),
                ms(ours),
                theirs.map(ms).unwrap_or_default(),
                ratio.unwrap_or_default(),
            )
        };
        let forward = theirs.map(|theirs| theirs.forward);
        let both = theirs.map(|theirs| theirs.both);
        text += &format!(
            "| {} | {} | {} |\n",
            layer.name,
            cells(layer.stock, layer.ours, forward, layer.peak),
            cells(layer.stock_both, layer.ours_both, both, layer.peak_both),
        );
    }
    text
}

fn model_table(stock: &Measured, all: &Measured) -> String {
    let mut text = String::from(
        "Images per second, the whole training loop:\n\n\
         | model | stock Burn | Tinderbox | PyTorch | Tinderbox / PyTorch |\n| --- | ---: | ---: | ---: | ---: |\n",
    );
    for (name, ours) in all.seconds() {
        let rate = |seconds: Option<&f64>| {
            seconds.map_or(String::new(), |seconds| format!("{:.0}", 1.0 / seconds))
        };
        let theirs = all.pytorch_seconds().get(name);
        let ratio = theirs.map_or(String::new(), |theirs| format!("{:.2} x", theirs / ours));
        text += &format!(
            "| {name} | {} | {} | {} | {ratio} |\n",
            rate(stock.seconds().get(name)),
            rate(Some(ours)),
            rate(theirs),
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_layer_has_a_row_and_pytorchs_cells_may_be_empty() {
        let ours = r#"{"name": "a 1->6", "stock": 2e-3, "ours": 1e-3, "peak": 50, "stock_both": 8e-3, "ours_both": 4e-3, "peak_both": 40}"#;
        let ours: Vec<Layer> = lines("layers.rs", ours).unwrap();
        let theirs = r#"{"name": "a 1->6", "forward": 5e-4, "both": 6e-3}"#;
        let theirs: Vec<Theirs> = lines("layers.py", theirs).unwrap();
        let row = "| a 1->6 | 2.000 | 1.000 | 0.500 | 0.50 x | 50 % | 8.000 | 4.000 | 6.000 | 1.50 x | 40 % |";
        assert!(layer_table(&ours, &theirs).contains(row));
        let row = "| a 1->6 | 2.000 | 1.000 |  |  | 50 % | 8.000 | 4.000 |  |  | 40 % |";
        assert!(layer_table(&ours, &[]).contains(row));
        assert!(lines::<Theirs>("layers.py", "Segmentation fault").is_err());
    }

    #[test]
    fn models_are_compared_with_burns_operations_and_pytorch() {
        let measured = |ours, theirs| Measured::of("images/lenet", ours, theirs);
        let table = model_table(&measured(1e-3, None), &measured(5e-4, Some(1e-3)));
        assert!(
            table.contains("| images/lenet | 1000 | 2000 | 1000 | 2.00 x |"),
            "{table}"
        );
    }
}
