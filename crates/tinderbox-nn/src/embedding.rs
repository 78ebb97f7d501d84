use burn::module::Param;
use burn::nn::Embedding;
use burn::tensor::{Device, Int, Tensor, TensorData};
use tinderbox_core::Seed;

use crate::{Fans, Initializer};

/// Burn's embedding, a row of numbers for each id, with weights that are a pure function of the seed.
///
/// PyTorch draws them from N(0, 1).
///
/// # Shapes
/// Weight `[count, size]`; ids `[batch, steps]` in, `[batch, steps, size]` out.
pub fn embedding(
    count: usize,
    size: usize,
    weights: Initializer,
    seed: Seed,
    device: &Device,
) -> Embedding {
    let fans = Fans {
        fan_in: count,
        fan_out: size,
    };
    Embedding {
        weight: weights.param([count, size], fans, seed.child("weight"), device),
    }
}

/// An embedding with these weights, for example vectors of words that were trained elsewhere.
///
/// One that is not `trained` is frozen: it has no gradient and does not change in training.
///
/// # Shapes
/// Rows of `size` numbers, one after the other, in the order of the ids.
///
/// # Panics
/// With another number of numbers than a multiple of `size`.
pub fn pretrained_embedding(
    rows: Vec<f32>,
    size: usize,
    trained: bool,
    device: &Device,
) -> Embedding {
    let shape = [rows.len() / size.max(1), size];
    let weight = Param::from_data(TensorData::new(rows, shape), device);
    Embedding {
        weight: weight.set_require_grad(trained),
    }
}

/// `Embedding::forward` with the kernels of `tinderbox-kernels`: the row of each id.
///
/// # Shapes
/// Ids `[batch, steps]` to `[batch, steps, size]`.
///
/// # Panics
/// If an id has no row.
pub fn embed(embedding: &Embedding, ids: Tensor<2, Int>) -> Tensor<3> {
    tinderbox_kernels::embedding(embedding.weight.val(), ids)
}

/// The embedding as the output layer of a language model, with tied weights (Press and Wolf 2017): the product of
/// each vector with the row of every id.
///
/// # Shapes
/// `[batch, steps, size]` to `[batch, steps, ids]`.
pub fn unembed(embedding: &Embedding, vectors: Tensor<3>) -> Tensor<3> {
    tinderbox_kernels::linear(vectors, embedding.weight.val().transpose(), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_become_their_rows_and_only_those_get_a_gradient() {
        let device = Device::flex().autodiff();
        let layer = embedding(
            5,
            3,
            Initializer::Normal { std: 1.0 },
            Seed::new(1),
            &device,
        );
        let ids = Tensor::from_data([[4, 0], [4, 2]], &device);
        let output = embed(&layer, ids);
        assert_eq!(output.dims(), [2, 2, 3]);
        let rows = layer.weight.val();
        let row = |tensor: Tensor<2>, at: usize| -> Vec<f32> {
            tensor.narrow(0, at, 1).into_data().iter::<f32>().collect()
        };
        let first = row(output.clone().reshape([4, 3]), 0);
        assert_eq!(first, row(rows.clone(), 4));
        let gradients = output.sum().backward();
        let gradient: Vec<f32> = (rows.grad(&gradients).unwrap().into_data())
            .iter::<f32>()
            .collect();
        let expected: Vec<f32> = [1.0, 0.0, 1.0, 0.0, 2.0]
            .into_iter()
            .flat_map(|count| [count; 3])
            .collect();
        assert_eq!(gradient, expected);
    }
}
