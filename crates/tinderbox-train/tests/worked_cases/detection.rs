//! A detector: one model with two outputs, a loss of two parts, and metrics on both.

use burn::module::Module;
use burn::nn::Linear;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_data::{Batch, Examples, Loader};
use tinderbox_train::*;

use super::{config, layer};

/// Height and width of the images.
const SIDE: usize = 8;

/// Boxes `[batch, 2]` (row and column of the upper left corner, divided by [`SIDE`]) and classes
/// `[batch]`.
#[derive(Clone, Debug)]
struct Objects {
    boxes: Tensor<2>,
    classes: Tensor<1, Int>,
}

type Pictures = Batch<Tensor<4>, Objects>;

#[derive(Module, Debug)]
struct Detector {
    hidden: Linear,
    boxes: Linear,
    classes: Linear,
}

impl Detector {
    fn new() -> Self {
        Self {
            hidden: layer(SIDE * SIDE, 32, 1),
            boxes: layer(32, 2, 2),
            classes: layer(32, 2, 3),
        }
    }

    /// Boxes `[batch, 2]` and logits `[batch, 2]`.
    fn forward(&self, images: Tensor<4>) -> (Tensor<2>, Tensor<2>) {
        let hidden = relu(self.hidden.forward(images.flatten(1, 3)));
        (
            self.boxes.forward(hidden.clone()),
            self.classes.forward(hidden),
        )
    }
}

/// Both outputs in the forms that the metrics of the framework know.
#[derive(Clone, Debug)]
struct Detected {
    boxes: Predictions,
    classes: Logits,
}

/// The squared error of the boxes with this weight, and the cross-entropy of the classes.
struct Detect {
    box_weight: f64,
}

impl Task<Detector, Pictures> for Detect {
    type Output = Detected;
    type State = ();

    fn step(
        &self,
        model: &Detector,
        batch: Pictures,
        _: &mut (),
    ) -> Result<Step<Detected>, StepError> {
        let (predicted, logits) = model.forward(batch.inputs);
        let Objects { boxes, classes } = batch.targets;
        let examples = classes.dims()[0];
        let far = (predicted.clone() - boxes.clone()).square().mean();
        let cross_entropy = CrossEntropyLossConfig::new().init(&logits.device());
        let wrong = cross_entropy.forward(logits.clone(), classes.clone());
        let output = Detected {
            boxes: Predictions {
                predicted,
                targets: boxes,
            },
            classes: Logits {
                logits,
                targets: classes,
            },
        };
        Ok(Step::mean(far * self.box_weight + wrong, examples).with_output(output))
    }
}

/// Metrics of the framework, each on one of the outputs.
#[derive(Clone)]
struct Both(RegressionMetrics, Accuracy);

impl Metric<Detected> for Both {
    fn update(&mut self, output: &Detected) -> Result<(), StepError> {
        self.0.update(&output.boxes)?;
        self.1.update(&output.classes)
    }

    fn values(&self) -> Vec<(String, f64)> {
        let boxes = self.0.values().into_iter();
        let boxes = boxes.map(|(name, value)| (format!("box_{name}"), value));
        boxes.chain(self.1.values()).collect()
    }

    fn reset(&mut self) {
        self.0.reset();
        self.1.reset();
    }

    fn state(&self) -> serde_json::Value {
        serde_json::json!([self.0.state(), self.1.state()])
    }

    fn restore(&mut self, state: &serde_json::Value) -> bool {
        self.0.restore(&state[0]) && self.1.restore(&state[1])
    }
}

/// Dark images with one object of 3 x 3: class 0 is filled, class 1 has a hole.
struct Squares;

const PLACES: usize = SIDE - 2;

impl Squares {
    fn image(index: usize) -> (Vec<f32>, [usize; 2], i64) {
        let (class, place) = (index % 2, index / 2);
        let (row, column) = (place / PLACES, place % PLACES);
        let mut image = vec![0.0; SIDE * SIDE];
        for y in 0..3 {
            for x in 0..3 {
                let hole = class == 1 && (y, x) == (1, 1);
                image[(row + y) * SIDE + column + x] = if hole { 0.0 } else { 1.0 };
            }
        }
        (image, [row, column], class as i64)
    }
}

impl Examples for Squares {
    type Host = Vec<usize>;
    type Batch = Pictures;

    fn len(&self) -> usize {
        2 * PLACES * PLACES
    }

    fn gather(&self, indices: &[usize], _: Seed) -> tinderbox_data::Result<Vec<usize>> {
        Ok(indices.to_vec())
    }

    fn upload(&self, host: Vec<usize>, device: &Device) -> Pictures {
        let (mut pixels, mut boxes, mut classes) = (Vec::new(), Vec::new(), Vec::new());
        for &index in &host {
            let (image, place, class) = Self::image(index);
            pixels.extend(image);
            boxes.extend(place.map(|number| number as f32 / SIDE as f32));
            classes.push(class);
        }
        let count = host.len();
        let pixels = TensorData::new(pixels, [count, 1, SIDE, SIDE]);
        Batch {
            inputs: Tensor::from_data(pixels, device),
            targets: Objects {
                boxes: Tensor::from_data(TensorData::new(boxes, [count, 2]), device),
                classes: Tensor::from_data(TensorData::new(classes, [count]), device),
            },
        }
    }

    fn batch_bytes(&self, batch_size: usize) -> usize {
        batch_size * SIDE * SIDE * 4
    }
}

/// The part of the bundle that converts the outputs of the detector to pixels and names.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Labels {
    side: usize,
    classes: Vec<String>,
}

#[test]
fn both_outputs_are_learned_measured_and_predicted() {
    let train = Loader::new(Squares, 12).unwrap().shuffle(Seed::new(1));
    let task = Detect { box_weight: 20.0 };
    let metrics = Both(
        RegressionMetrics::new(&[RegressionMetric::Rmse]),
        Accuracy::default(),
    );
    let fitted = Trainer::new(config(150))
        .unwrap()
        .metric(metrics)
        .fit(Detector::new(), &task, &train, None)
        .unwrap();
    let last = fitted.history.last().unwrap();
    assert_eq!(last.get("train_accuracy"), Some(1.0), "{last:?}");
    // Half a pixel.
    assert!(
        last.get("train_box_rmse").unwrap() < 0.5 / SIDE as f64,
        "{last:?}"
    );

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle");
    let labels = Labels {
        side: SIDE,
        classes: vec!["filled".into(), "ring".into()],
    };
    let bundle = Bundle::save(&path, "detector", &(), &fitted.model).unwrap();
    bundle.save_part("labels", &labels).unwrap();
    let bundle = Bundle::open(&path).unwrap();
    let read: Labels = bundle.part("labels").unwrap();
    assert_eq!(read, labels);
    let model = bundle.load_into(Detector::new()).unwrap();
    let batch = Squares.upload(vec![2 * (2 * PLACES + 4) + 1], &Device::flex());
    let (boxes, logits) = model.forward(batch.inputs);
    let class: i64 = logits.argmax(1).into_scalar();
    let place = boxes.to_data();
    let place = place
        .iter::<f32>()
        .map(|part| (part * read.side as f32).round());
    assert_eq!(read.classes[class as usize], "ring");
    assert_eq!(place.collect::<Vec<_>>(), [2.0, 4.0]);
}
