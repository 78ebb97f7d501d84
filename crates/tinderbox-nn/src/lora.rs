use std::collections::BTreeSet;

use burn::module::{LoraAdapter, Module, Param, Reparameterizer};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use tinderbox_core::{Seed, nearest};

use crate::{Fans, Initializer, parameters};

/// Low-rank adaptation: the weights `W` of some linear layers stay as they are, and `W + alpha / rank * A B` is used,
/// with small matrices `A` and `B` that are trained instead (Hu et al. 2022).
///
/// ```
/// use burn::tensor::Device;
/// use tinderbox_core::Seed;
/// use tinderbox_nn::{Init, Initializer, Lora, merge_lora, parameters};
///
/// let init = Init::new(Seed::new(1), &Device::flex(), Initializer::PYTORCH);
/// let model = vec![init.linear("hidden", 100, 50), init.linear("output", 50, 2)];
/// let adapted = Lora::new(4, 8.0).layers(["0"]).apply(model, Seed::new(2))?;
/// assert_eq!(parameters(&adapted)[1].shape, [100, 4]); // 0.weight.lora.a
/// assert_eq!(parameters(&merge_lora(adapted)).len(), 4);
/// # Ok::<(), tinderbox_nn::LoraError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lora {
    /// Columns of `A` and rows of `B`.
    pub rank: usize,
    /// The product of `A` and `B` counts `alpha / rank` times.
    pub alpha: f64,
    /// The linear layers, by a part of their path: `query` for all layers of this name, `encoder.layer.0` for
    /// those in it.
    pub layers: Vec<String>,
}

impl Lora {
    /// Adapters for the queries and the values of every attention, as in the paper.
    pub fn new(rank: usize, alpha: f64) -> Self {
        Self {
            rank,
            alpha,
            layers: ["query", "value"].map(String::from).to_vec(),
        }
    }

    /// The linear layers, by a part of their path.
    pub fn layers<T: Into<String>>(mut self, layers: impl IntoIterator<Item = T>) -> Self {
        self.layers = layers.into_iter().map(Into::into).collect();
        self
    }

    /// The model with adapters; only these are trained. `A` is drawn from the seed as PyTorch draws linear layers,
    /// `B` is 0, so the outputs are still those of the model.
    ///
    /// # Errors
    /// A rank of 0 or one that a layer cannot have, an `alpha` that is not finite, a layer that the model does not have.
    pub fn apply<M: Module>(&self, model: M, seed: Seed) -> Result<M, LoraError> {
        if self.rank == 0 {
            return Err(LoraError::Rank);
        }
        if !self.alpha.is_finite() {
            return Err(LoraError::Alpha(self.alpha));
        }
        let linear = |kind: &String| kind == "Struct:Linear";
        let mut all = parameters(&model);
        all.retain(|parameter| {
            parameter.path.ends_with(".weight") && parameter.containers.last().is_some_and(linear)
        });
        let layer = |path: &str| path.trim_end_matches(".weight").to_owned();
        let shapes: Vec<Vec<usize>> = all.iter().map(|weight| weight.shape.clone()).collect();
        let all: Vec<String> = all.iter().map(|weight| layer(&weight.path)).collect();
        for name in &self.layers {
            if !all.iter().any(|layer| is_part(layer, name)) {
                return Err(LoraError::unknown(name, &all));
            }
        }
        for (layer, shape) in all.iter().zip(&shapes) {
            let adapted = self.layers.iter().any(|part| is_part(layer, part));
            let most = shape.iter().copied().min().unwrap_or(0);
            if adapted && self.rank > most {
                return Err(LoraError::LargeRank {
                    rank: self.rank,
                    layer: layer.clone(),
                    most,
                });
            }
        }
        let adapters = Adapters { lora: self, seed };
        Ok(model.apply_reparameterization(adapters))
    }
}

/// The model with the products of the adapters added to the weights, and without adapters.
///
/// Its weights are trained again.
pub fn merge_lora<M: Module>(model: M) -> M {
    model.materialize().unfreeze()
}

/// Whether the path has these fields one after the other.
fn is_part(path: &str, part: &str) -> bool {
    !part.is_empty() && format!(".{path}.").contains(&format!(".{part}."))
}

struct Adapters<'a> {
    lora: &'a Lora,
    seed: Seed,
}

impl Reparameterizer for Adapters<'_> {
    type Reparam = LoraAdapter;

    fn reparameterize<const D: usize>(
        &mut self,
        path: &str,
        param: Param<Tensor<D>>,
    ) -> (Param<Tensor<D>>, Option<LoraAdapter>) {
        let layer = path.strip_suffix(".weight").filter(|_| D == 2);
        let mut layers = self.lora.layers.iter();
        let adapted = layer.is_some_and(|layer| layers.any(|part| is_part(layer, part)));
        let adapter = adapted.then(|| {
            let shape = param.lazy_shape();
            let (inputs, outputs) = (shape[0], shape[1]);
            let device = param.lazy_device();
            let factor = |initializer: Initializer, shape: [usize; 2], name| {
                let fans = Fans {
                    fan_in: shape[0],
                    fan_out: shape[1],
                };
                initializer.param(shape, fans, self.seed.child(path).child(name), &device)
            };
            LoraAdapter {
                a: factor(Initializer::PYTORCH, [inputs, self.lora.rank], "a"),
                b: factor(Initializer::Zeros, [self.lora.rank, outputs], "b"),
                scale: self.lora.alpha / self.lora.rank as f64,
            }
        });
        (param.set_require_grad(false), adapter)
    }
}

/// Adapters that cannot be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LoraError {
    /// A rank of 0.
    #[error("LoRA with rank 0 trains nothing; 8 is a common rank")]
    Rank,
    /// A rank that is larger than the matrices of a layer.
    #[error(
        "LoRA with rank {rank}: the layer {layer} has {most} inputs or outputs, and {most} is the largest rank; 8 is a \
         common one"
    )]
    LargeRank {
        /// The rank.
        rank: usize,
        /// The layer.
        layer: String,
        /// Its largest rank.
        most: usize,
    },
    /// An alpha that is not a number.
    #[error("LoRA with alpha {0}: it must be finite; twice the rank is common")]
    Alpha(f64),
    /// A layer that the model does not have.
    #[error("the model has no linear layer {name:?} for LoRA; {nearest}")]
    Layer {
        /// The name.
        name: String,
        /// The nearest names, or all of them.
        nearest: String,
    },
}

impl LoraError {
    fn unknown(name: &str, layers: &[String]) -> Self {
        // The last fields of all layers, and all paths for a name with dots.
        let last = |layer: &String| layer.rsplit('.').next().unwrap_or_default().to_owned();
        let names: BTreeSet<String> = match name.contains('.') {
            true => layers.iter().cloned().collect(),
            false => layers.iter().map(last).collect(),
        };
        let near = nearest(name, names.iter().map(String::as_str), 3);
        let all = || {
            names
                .iter()
                .take(20)
                .cloned()
                .collect::<Vec<_>>()
                .join(", ")
        };
        Self::Layer {
            name: name.to_owned(),
            nearest: match near.is_empty() {
                true => format!("there are: {}", all()),
                false => format!("the nearest: {}", near.join(", ")),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::module::ModuleMapper;
    use burn::nn::Linear;
    use burn::optim::GradientsParams;
    use burn::tensor::Device;

    use super::*;
    use crate::{Init, Layer};

    #[derive(Module, Debug)]
    struct Model {
        query: Linear,
        value: Linear,
    }

    fn model(device: &Device) -> Model {
        let init = Init::new(Seed::new(3), device, Initializer::PYTORCH);
        Model {
            query: init.linear("query", 6, 4),
            value: init.linear("value", 6, 4),
        }
    }

    fn numbers(tensor: Tensor<2>) -> Vec<f32> {
        tensor.into_data().iter::<f32>().collect()
    }

    /// Sets the parameters at some paths to 1.
    struct Ones<'a> {
        path: Vec<String>,
        at: &'a dyn Fn(&str) -> bool,
    }

    impl ModuleMapper for Ones<'_> {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.path.push(name.to_owned());
        }

        fn exit_module(&mut self, _: &str, _: &str) {
            self.path.pop();
        }

        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            match (self.at)(&self.path.join(".")) {
                true => param.map(|old| old.ones_like().require_grad()),
                false => param,
            }
        }
    }

    #[test]
    fn only_the_adapters_are_trained_and_merging_keeps_the_outputs() {
        let device = Device::flex().autodiff();
        let inputs = Tensor::<2>::from_data([[0.5, -1.0, 2.0, 0.0, 1.0, 3.0]], &device);
        let plain = model(&device);
        let lora = Lora::new(2, 6.0).layers(["query"]);
        let adapted = lora.apply(plain.clone(), Seed::new(1)).unwrap();
        let before = numbers(plain.query.apply(inputs.clone()));
        assert_eq!(numbers(adapted.query.apply(inputs.clone())), before);

        let loss =
            adapted.query.apply(inputs.clone()).sum() + adapted.value.apply(inputs.clone()).sum();
        let gradients = GradientsParams::from_grads(loss.backward(), &adapted);
        assert_eq!(gradients.len(), 2, "those of A and B");
        let adapter = adapted.query.weight.adapter().unwrap();
        assert_eq!(adapter.a.val().dims(), [6, 2]);
        // With B = 0 the gradient of B is that of the outputs times `3 * inputs A`.
        let expected = numbers(inputs.clone().matmul(adapter.a.val()) * 3.0);
        let gradient = numbers(gradients.get::<2>(adapter.b.id).unwrap());
        for (row, expected) in gradient.chunks(4).zip(expected) {
            assert!(row.iter().all(|x| (x - expected).abs() < 1e-5), "{row:?}");
        }

        // As training changes B: 3 A B is added to the weights.
        let path = |name: &str| name == "query.weight.lora.b";
        let trained = adapted.map(&mut Ones {
            path: Vec::new(),
            at: &path,
        });
        let adapter = trained.query.weight.adapter().unwrap();
        let product = adapter.a.val().matmul(Tensor::ones([2, 4], &device)) * 3.0;
        let expected = numbers(plain.query.weight.val() + product);
        let after = numbers(trained.query.apply(inputs.clone()));
        assert_ne!(after, before);
        let merged = merge_lora(trained);
        assert_eq!(numbers(merged.query.weight.val()), expected);
        assert!(merged.query.weight.adapter().is_none());
        assert_eq!(numbers(merged.query.apply(inputs)), after);
        assert!(merged.value.weight.is_require_grad());
    }

    #[test]
    fn layers_that_are_not_there_have_near_names() {
        let device = Device::flex();
        let error = |lora: Lora| {
            let adapted = lora.apply(model(&device), Seed::new(1));
            adapted.err().unwrap().to_string()
        };
        let near = error(Lora::new(2, 4.0).layers(["query", "valeu"]));
        assert!(
            near.contains("\"valeu\" for LoRA; the nearest: value"),
            "{near}"
        );
        let far = error(Lora::new(2, 4.0).layers(["convolution"]));
        assert!(far.contains("there are: query, value"), "{far}");
        assert!(error(Lora::new(0, 4.0)).contains("rank 0"));
        let large = error(Lora::new(5, 4.0));
        assert!(
            large.contains(
                "rank 5: the layer query has 4 inputs or outputs, and 4 is the largest rank"
            ),
            "{large}"
        );
        assert!(
            Lora::new(4, 4.0)
                .apply(model(&device), Seed::new(1))
                .is_ok()
        );
        assert!(error(Lora::new(1, f64::NAN)).contains("alpha NaN"));
    }
}
