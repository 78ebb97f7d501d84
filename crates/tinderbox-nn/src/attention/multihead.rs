use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Bool, Device, Tensor, s};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_kernels::linear;

use super::AttentionInputs;
use super::heads::heads_attention;
use crate::{Dropout, Fans, Init, Initializer, Layer};

/// Sizes of a [`MultiheadAttention`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MultiheadAttentionConfig {
    /// Features of a query, a key, a value and an output.
    pub size: usize,
    /// Number of heads; each has `size / heads` features.
    pub heads: usize,
    /// The probability with which weights are dropped in training.
    #[serde(default)]
    pub dropout: f64,
}

/// Invalid sizes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{heads} heads of {size} numbers: there must be at least one head, and the numbers must divide evenly among heads"
)]
pub struct HeadsError {
    /// Features of a query.
    pub size: usize,
    /// Heads.
    pub heads: usize,
}

impl MultiheadAttentionConfig {
    /// Without dropout.
    pub fn new(size: usize, heads: usize) -> Self {
        Self {
            size,
            heads,
            dropout: 0.0,
        }
    }

    /// The layer with PyTorch's initial weights, a pure function of the seed: Xavier-uniform for
    /// queries, keys and values, biases of 0.
    ///
    /// # Errors
    /// No heads, or a size that they do not divide.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<MultiheadAttention, HeadsError> {
        let (size, heads) = (self.size, self.heads);
        if heads == 0 || size == 0 || !size.is_multiple_of(heads) {
            return Err(HeadsError { size, heads });
        }
        let fans = Fans {
            fan_in: size,
            fan_out: 3 * size,
        };
        let xavier = Initializer::XavierUniform { gain: 1.0 };
        let seed_in = seed.child("in_proj_weight");
        let init = Init::new(seed, device, Initializer::PYTORCH);
        Ok(MultiheadAttention {
            in_proj_weight: xavier.param([3 * size, size], fans, seed_in, device),
            in_proj_bias: Initializer::Zeros.param([3 * size], fans, seed, device),
            out_proj: init.linear("out_proj", size, size),
            dropout: Dropout::new(self.dropout),
            heads,
        })
    }
}

/// Multi-head attention (Vaswani et al. 2017).
///
/// Names and shapes are those of PyTorch's `MultiheadAttention` with `batch_first=True`:
/// `in_proj_weight` of `[3 size, size]` for queries, keys and values, `in_proj_bias`, `out_proj`.
#[derive(Module, Debug)]
pub struct MultiheadAttention {
    in_proj_weight: Param<Tensor<2>>,
    in_proj_bias: Param<Tensor<1>>,
    out_proj: Linear,
    dropout: Dropout,
    #[module(skip)]
    heads: usize,
}

/// Cached keys and values of earlier steps, so that a new step computes only its own.
///
/// There is room for more steps than there are, at most as many again: a new step is written behind the others, and
/// they are not copied.
#[derive(Clone, Debug, Default)]
pub struct KeyValueCache {
    kept: Option<Kept>,
}

/// Tensors `[batch, room, …]`, of which the first `steps` are in use.
#[derive(Clone, Debug)]
struct Kept {
    tensors: [Tensor<3>; 2],
    steps: usize,
}

impl Kept {
    fn append(self, new: [Tensor<3>; 2]) -> Self {
        let Self { tensors, steps } = self;
        let [_, room, _] = tensors[0].dims();
        let end = steps + new[0].dims()[1];
        let tensors = match end <= room {
            true => tensors,
            false => tensors.map(|tensor| {
                let [batch, _, size] = tensor.dims();
                let larger = Tensor::zeros([batch, end.max(2 * steps), size], &tensor.device());
                larger.slice_assign(s![.., ..steps, ..], tensor.narrow(1, 0, steps))
            }),
        };
        let [keys, values] = tensors;
        let [new_keys, new_values] = new;
        Self {
            tensors: [
                keys.slice_assign(s![.., steps..end, ..], new_keys),
                values.slice_assign(s![.., steps..end, ..], new_values),
            ],
            steps: end,
        }
    }
}

impl KeyValueCache {
    /// Number of cached steps.
    pub fn steps(&self) -> usize {
        self.kept.as_ref().map_or(0, |kept| kept.steps)
    }

    /// Appends keys and values `[batch, new, …]`; returns those of all steps.
    pub fn append(&mut self, keys: Tensor<3>, values: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
        let new = [keys, values];
        let kept = match self.kept.take() {
            None => Kept {
                steps: new[0].dims()[1],
                tensors: new,
            },
            Some(kept) => kept.append(new),
        };
        let kept = self.kept.insert(kept);
        let [keys, values] = kept.tensors.clone();
        (
            keys.narrow(1, 0, kept.steps),
            values.narrow(1, 0, kept.steps),
        )
    }

    /// The inputs of an attention whose new steps have queries, keys and values side by side, `[batch, new, 3 size]`;
    /// the new keys and values are appended.
    pub fn extend(&mut self, packed: Tensor<3>) -> AttentionInputs {
        let first = self.steps() == 0;
        let [queries, keys, values] = AttentionInputs::Packed(packed.clone()).apart();
        let (keys, values) = self.append(keys, values);
        match first {
            true => AttentionInputs::Packed(packed),
            false => AttentionInputs::Apart([queries, keys, values]),
        }
    }
}

impl MultiheadAttention {
    /// Outputs, and the weights of every head.
    ///
    /// # Shapes
    /// Queries `[batch, queries, size]`, keys and values `[batch, keys, size]` to `[batch, queries,
    /// size]` and `[batch, heads, queries, keys]`; masks as in [`masked_softmax`](super::masked_softmax).
    pub fn forward(
        &self,
        queries: Tensor<3>,
        keys: Tensor<3>,
        values: Tensor<3>,
        mask: Option<Tensor<3, Bool>>,
    ) -> (Tensor<3>, Tensor<4>) {
        let size = queries.dims()[2];
        let project = |inputs, which: usize| self.project(inputs, which * size, size);
        let inputs = [project(queries, 0), project(keys, 1), project(values, 2)];
        self.attend(AttentionInputs::Apart(inputs), mask)
    }

    /// [`forward`](Self::forward) with the same queries, keys and values, in one product.
    pub fn self_attention(
        &self,
        inputs: Tensor<3>,
        mask: Option<Tensor<3, Bool>>,
    ) -> (Tensor<3>, Tensor<4>) {
        let all = 3 * inputs.dims()[2];
        self.attend(AttentionInputs::Packed(self.project(inputs, 0, all)), mask)
    }

    /// Self-attention of new steps that follow those in the cache; they are added to it.
    ///
    /// # Shapes
    /// Inputs `[batch, new, size]`, masks of `new` queries and of all steps as keys.
    pub fn forward_cached(
        &self,
        inputs: Tensor<3>,
        cache: &mut KeyValueCache,
        mask: Option<Tensor<3, Bool>>,
    ) -> (Tensor<3>, Tensor<4>) {
        let all = 3 * inputs.dims()[2];
        let packed = self.project(inputs, 0, all);
        self.attend(cache.extend(packed), mask)
    }

    /// Some of the units of queries, keys and values side by side.
    fn project(&self, inputs: Tensor<3>, first: usize, units: usize) -> Tensor<3> {
        let [_, _, size] = inputs.dims();
        let (weight, bias) = (self.in_proj_weight.val(), self.in_proj_bias.val());
        let (weight, bias) = match units == 3 * size {
            true => (weight, bias),
            false => (weight.narrow(0, first, units), bias.narrow(0, first, units)),
        };
        linear(inputs, weight.transpose(), Some(bias))
    }

    fn attend(
        &self,
        inputs: AttentionInputs,
        mask: Option<Tensor<3, Bool>>,
    ) -> (Tensor<3>, Tensor<4>) {
        let (means, weights) = heads_attention(inputs, self.heads, mask, &self.dropout);
        (self.out_proj.apply(means), weights)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;

    use super::super::{causal_mask, length_mask};
    use super::*;
    use crate::parameters;

    fn random(shape: [usize; 3], seed: u64, device: &Device) -> Tensor<3> {
        let mut rng = Seed::new(seed).rng();
        let count = shape.iter().product();
        let numbers: Vec<f32> = (0..count).map(|_| rng.normal() as f32).collect();
        Tensor::from_data(TensorData::new(numbers, shape), device)
    }

    fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
        tensor.into_data().iter::<f64>().collect()
    }

    #[test]
    fn shapes_and_names_are_pytorch_s() {
        let device = Device::flex().autodiff();
        let config = MultiheadAttentionConfig::new(100, 5);
        let layer = config.init(Seed::new(1), &device).unwrap();
        let found: Vec<_> = parameters(&layer)
            .into_iter()
            .map(|parameter| parameter.path)
            .collect();
        let names = [
            "in_proj_weight",
            "in_proj_bias",
            "out_proj.weight",
            "out_proj.bias",
        ];
        assert_eq!(found, names);
        let keys = random([2, 6, 100], 2, &device);
        let mask = length_mask(Tensor::from_data([3, 2], &device), 6);
        let (outputs, weights) = layer.forward(
            random([2, 4, 100], 1, &device),
            keys.clone(),
            keys,
            Some(mask),
        );
        assert_eq!(outputs.dims(), [2, 4, 100]);
        assert_eq!(weights.dims(), [2, 5, 4, 6]);
        let gradients = outputs.powi_scalar(2).mean().backward();
        let gradients = burn::optim::GradientsParams::from_grads(gradients, &layer);
        assert_eq!(gradients.len(), 4);
    }

    #[test]
    fn every_head_is_an_attention_of_its_own() {
        let device = Device::flex();
        let (batch, steps, keys, size, heads) = (2, 3, 4, 6, 2);
        let part = size / heads;
        let config = MultiheadAttentionConfig::new(size, heads);
        let layer = config.init(Seed::new(4), &device).unwrap();
        let (q, kv) = (
            random([batch, steps, size], 5, &device),
            random([batch, keys, size], 6, &device),
        );
        let lengths = [4, 2];
        let mask = length_mask(Tensor::from_data(lengths, &device), keys);
        let (outputs, _) = layer.forward(q.clone(), kv.clone(), kv.clone(), Some(mask));
        let got = numbers(outputs);

        // The formulas in f64, number by number.
        let (w, b) = (
            numbers(layer.in_proj_weight.val()),
            numbers(layer.in_proj_bias.val()),
        );
        let out = numbers(layer.out_proj.weight.val());
        let (q, kv) = (numbers(q), numbers(kv));
        let project = |row: &[f64], which: usize| -> Vec<f64> {
            (0..size)
                .map(|unit| {
                    let unit = which * size + unit;
                    let weights = &w[unit * size..(unit + 1) * size];
                    b[unit] + weights.iter().zip(row).map(|(w, x)| w * x).sum::<f64>()
                })
                .collect()
        };
        for (row, &length) in lengths.iter().enumerate().take(batch) {
            for step in 0..steps {
                let at = (row * steps + step) * size;
                let query = project(&q[at..at + size], 0);
                let mut joined = vec![0.0; size];
                for head in 0..heads {
                    let range = head * part..(head + 1) * part;
                    let of = |key: usize, which: usize| {
                        let at = (row * keys + key) * size;
                        project(&kv[at..at + size], which)[range.clone()].to_vec()
                    };
                    let weights: Vec<f64> = (0..length as usize)
                        .map(|key| {
                            let key = of(key, 1);
                            let dot: f64 = query[range.clone()]
                                .iter()
                                .zip(&key)
                                .map(|(q, k)| q * k)
                                .sum();
                            (dot / (part as f64).sqrt()).exp()
                        })
                        .collect();
                    let total: f64 = weights.iter().sum();
                    for (key, weight) in weights.iter().enumerate() {
                        let value = of(key, 2);
                        for (unit, value) in range.clone().zip(value) {
                            joined[unit] += weight / total * value;
                        }
                    }
                }
                for unit in 0..size {
                    // Burn keeps linear weights as [inputs, outputs]; the bias is 0.
                    let expected: f64 = (0..size).map(|i| joined[i] * out[i * size + unit]).sum();
                    let got = got[at + unit];
                    assert!((got - expected).abs() < 1e-5, "{got} {expected}");
                }
            }
        }
    }

    #[test]
    fn one_step_at_a_time_with_a_cache_is_the_whole_sequence() {
        let device = Device::flex();
        let config = MultiheadAttentionConfig::new(8, 2);
        let layer = config.init(Seed::new(1), &device).unwrap();
        let inputs = random([2, 5, 8], 2, &device);
        let mask = causal_mask(5, 5, &device);
        let (whole, _) = layer.forward(inputs.clone(), inputs.clone(), inputs.clone(), Some(mask));
        let mut cache = KeyValueCache::default();
        let mut steps = Vec::new();
        // Three steps at once, then one by one.
        for (from, count) in [(0, 3), (3, 1), (4, 1)] {
            let mask = causal_mask(count, from + count, &device);
            let input = inputs.clone().narrow(1, from, count);
            steps.push(layer.forward_cached(input, &mut cache, Some(mask)).0);
            assert_eq!(cache.steps(), from + count);
        }
        let distance: f32 = (Tensor::cat(steps, 1) - whole).abs().max().into_scalar();
        assert!(distance < 1e-5, "{distance}");
    }

    #[test]
    fn heads_must_divide_the_size() {
        for (size, heads) in [(100, 0), (100, 3), (0, 1)] {
            let config = MultiheadAttentionConfig::new(size, heads);
            let error = config.init(Seed::new(1), &Device::flex()).err().unwrap();
            assert_eq!(error, HeadsError { size, heads });
        }
    }
}
