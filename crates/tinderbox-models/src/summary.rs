use std::collections::HashMap;
use std::fmt;

use burn::module::ParamId;
use burn::tensor::{Device, Tensor};
use tinderbox_nn::{Network, Parameter, ShapeError, count_parameters, parameters, trace};

/// One layer of a summary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SummaryRow {
    /// The name of its parameters in the model; empty for a layer without parameters.
    pub name: String,
    /// The kind of the layer.
    pub kind: &'static str,
    /// The shape of its output for one example.
    pub output: Vec<usize>,
    /// The number of its trainable parameters.
    pub parameters: usize,
    /// Its multiply-adds for one example.
    pub multiply_adds: u64,
}

/// The layers of a model in the order of the computation, with output shapes and counts.
///
/// `Display` prints a table like that of Keras.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The shape of the example.
    pub input: Vec<usize>,
    /// The layers.
    pub rows: Vec<SummaryRow>,
    /// Trainable parameters of the whole model.
    pub parameters: usize,
    /// Multiply-adds of the whole model, for one example.
    pub multiply_adds: u64,
}

/// The summary of a model for one example of its input shape; runs the model once.
///
/// Activations and poolings have no name. Multiply-adds are those of convolutions, linear layers and
/// attention; norms and activations count as 0, as usual.
///
/// # Errors
/// An input that is not an image.
pub fn summary<M: Network<4>>(model: &M) -> Result<Summary, ShapeError> {
    let shape = model.input_shape();
    let [channels, height, width] = shape[..] else {
        return Err(ShapeError {
            expected: vec![0; 3],
            got: shape,
        });
    };
    let by_id: HashMap<ParamId, Parameter> = parameters(model)
        .into_iter()
        .map(|parameter| (parameter.id, parameter))
        .collect();
    let model = model.valid();
    let device = model.devices().first().cloned();
    let device: Device = device.unwrap_or_default();
    let image = Tensor::<4>::zeros([1, channels, height, width], &device);
    let (_, steps) = trace::record(|| model.forward(image));
    let rows: Vec<SummaryRow> = steps
        .into_iter()
        .map(|step| {
            let weights: Vec<_> = step.weights.iter().filter_map(|id| by_id.get(id)).collect();
            let path = weights.first().map_or("", |weight| weight.path.as_str());
            SummaryRow {
                name: path
                    .rsplit_once('.')
                    .map_or("", |(layer, _)| layer)
                    .to_owned(),
                kind: step.kind,
                output: step.output[1..].to_vec(),
                parameters: weights.iter().map(|weight| weight.count()).sum(),
                multiply_adds: step.multiply_adds,
            }
        })
        .collect();
    Ok(Summary {
        input: shape,
        parameters: count_parameters(&model),
        multiply_adds: rows.iter().map(|row| row.multiply_adds).sum(),
        rows,
    })
}

/// 1234567 as "1,234,567".
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shape = |shape: &[usize]| {
            let sides: Vec<_> = shape.iter().map(usize::to_string).collect();
            sides.join(" x ")
        };
        let mut table =
            vec![["layer", "kind", "output", "parameters", "multiply-adds"].map(String::from)];
        table.push([
            String::new(),
            "input".into(),
            shape(&self.input),
            "0".into(),
            "0".into(),
        ]);
        table.extend(self.rows.iter().map(|row| {
            [
                row.name.clone(),
                row.kind.into(),
                shape(&row.output),
                grouped(row.parameters as u64),
                grouped(row.multiply_adds),
            ]
        }));
        table.push([
            "total".into(),
            String::new(),
            String::new(),
            grouped(self.parameters as u64),
            grouped(self.multiply_adds),
        ]);
        let widths: [usize; 5] = std::array::from_fn(|column| {
            let cells = table.iter().map(|row| row[column].chars().count());
            cells.max().unwrap_or(0)
        });
        for (index, [layer, kind, output, parameters, madds]) in table.iter().enumerate() {
            let [a, b, c, d, e] = widths;
            writeln!(
                f,
                "{layer:<a$}  {kind:<b$}  {output:<c$}  {parameters:>d$}  {madds:>e$}"
            )?;
            if index == 0 || index + 2 == table.len() {
                writeln!(f, "{}", "-".repeat(a + b + c + d + e + 8))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tinderbox_core::Seed;

    use super::*;
    use crate::image::LeNetConfig;

    #[test]
    fn the_layers_of_lenet_as_the_course_prints_them() {
        let config = LeNetConfig::new([1, 28, 28], 10);
        let model = config.init(Seed::new(1), &Device::flex()).unwrap();
        let summary = summary(&model).unwrap();
        let shapes: Vec<_> = summary
            .rows
            .iter()
            .filter(|row| row.kind != "Sigmoid")
            .map(|row| row.output.as_slice())
            .collect();
        let expected: [&[usize]; 8] = [
            &[6, 28, 28],
            &[6, 14, 14],
            &[16, 10, 10],
            &[16, 5, 5],
            &[400],
            &[120],
            &[84],
            &[10],
        ];
        assert_eq!(shapes, expected);
        assert_eq!(summary.rows[0].name, "conv1");
        assert_eq!(
            (summary.rows[0].parameters, summary.rows[0].multiply_adds),
            (156, 117_600)
        );
        assert_eq!(
            (summary.parameters, summary.multiply_adds),
            (61_706, 416_520)
        );
        let text = summary.to_string();
        let conv2 = text.lines().find(|line| line.starts_with("conv2")).unwrap();
        let cells: Vec<_> = conv2
            .split("  ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty())
            .collect();
        assert_eq!(
            cells,
            ["conv2", "Conv2d", "16 x 10 x 10", "2,416", "240,000"]
        );
        assert!(text.ends_with("61,706        416,520\n"), "{text}");
    }
}
