//! Attention of several heads.

use burn::tensor::{Bool, Tensor};

use super::softmax;
use crate::attention::{AttentionShape, MASKED};

#[cfg(feature = "flex")]
use crate::extension::{AttentionPlan, Kernels, is_ours};
#[cfg(feature = "flex")]
use burn::backend::Dispatch;

/// Queries, keys and values, the heads of a step side by side.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // tensors are handles, and there is one of these
pub enum AttentionInputs {
    /// Side by side, `[batch, steps, 3 heads * part]`.
    Packed(Tensor<3>),
    /// Queries `[batch, queries, heads * part]`, keys and values `[batch, keys, groups * part]`; with fewer groups
    /// than heads each serves neighboring heads (grouped-query attention, Ainslie et al. 2023).
    Apart([Tensor<3>; 3]),
}

impl AttentionInputs {
    fn shape(&self, heads: usize) -> AttentionShape {
        let of = |queries: [usize; 3], keys: [usize; 3]| {
            let part = queries[2] / heads.max(1);
            AttentionShape {
                batch: queries[0],
                heads,
                groups: keys[2] / part.max(1),
                part,
                queries: queries[1],
                keys: keys[1],
            }
        };
        match self {
            Self::Packed(all) => {
                let [batch, steps, size] = all.dims();
                of([batch, steps, size / 3], [batch, steps, size / 3])
            }
            Self::Apart([queries, keys, _]) => of(queries.dims(), keys.dims()),
        }
    }

    /// Queries, keys and values.
    pub fn apart(self) -> [Tensor<3>; 3] {
        match self {
            Self::Packed(all) => {
                let size = all.dims()[2] / 3;
                [0, 1, 2].map(|which| all.clone().narrow(2, which * size, size))
            }
            Self::Apart(all) => all,
        }
    }
}

/// Scaled dot-product attention of several heads: the means of the values of all heads side by side, and the
/// weights (Vaswani et al. 2017).
///
/// Keys whose place in the mask is `true` are not seen; a query without any key sees all alike. `factors` multiply
/// the weights after the softmax, as dropout does.
///
/// # Shapes
/// Inputs as in [`AttentionInputs`], a mask `[batch or 1, queries or 1, keys]`, factors `[batch, heads, queries,
/// keys]`, to `[batch, queries, heads * part]` and `[batch, heads, queries, keys]`.
///
/// # Panics
/// If the heads do not divide the numbers of a query, or the groups the heads.
pub fn attention(
    inputs: AttentionInputs,
    heads: usize,
    mask: Option<Tensor<3, Bool>>,
    factors: Option<Tensor<4>>,
) -> (Tensor<3>, Tensor<4>) {
    let shape = inputs.shape(heads);
    assert!(
        shape.groups > 0 && heads.is_multiple_of(shape.groups),
        "{shape:?}: the groups of keys must divide the heads"
    );
    #[cfg(feature = "flex")]
    let inputs = match flex(inputs, &shape, mask.as_ref(), factors.as_ref()) {
        Ok(output) => return output,
        Err(inputs) => inputs,
    };
    plain(inputs.apart(), &shape, mask, factors)
}

#[cfg(feature = "flex")]
#[allow(clippy::result_large_err)]
fn flex(
    inputs: AttentionInputs,
    shape: &AttentionShape,
    mask: Option<&Tensor<3, Bool>>,
    factors: Option<&Tensor<4>>,
) -> Result<(Tensor<3>, Tensor<4>), AttentionInputs> {
    let AttentionShape {
        batch,
        heads,
        groups,
        part,
        queries,
        keys,
    } = *shape;
    let fits = match &inputs {
        AttentionInputs::Packed(all) => all.dims()[2] == 3 * heads * part,
        AttentionInputs::Apart([q, k, v]) => {
            q.dims()[2] == heads * part && [k.dims(), v.dims()] == [[batch, keys, groups * part]; 2]
        }
    };
    let fits_mask = mask.is_none_or(|mask| {
        let [sequences, rows, columns] = mask.dims();
        [1, batch].contains(&sequences) && [1, queries].contains(&rows) && columns == keys
    });
    let fits_factors = factors.is_none_or(|all| all.dims() == [batch, heads, queries, keys]);
    if !fits || !fits_mask || !fits_factors || batch * queries * keys * part == 0 {
        return Err(inputs);
    }
    let plan = AttentionPlan {
        shape: *shape,
        has_mask: mask.is_some(),
        has_factors: factors.is_some(),
    };
    let given: Vec<_> = match inputs {
        AttentionInputs::Packed(all) => vec![all.into_dispatch()],
        AttentionInputs::Apart(all) => all.map(Tensor::into_dispatch).into(),
    };
    let takes = is_ours([given.first(), given.get(1), given.get(2)]);
    let given = match <[_; 3]>::try_from(given) {
        Ok(apart) if takes => {
            let [mask, factors] = extra(&apart[0], mask, factors);
            let [queries, keys, values] = apart;
            Ok(Dispatch::tinder_attention(
                queries, keys, values, mask, factors, plan,
            ))
        }
        Ok(apart) => Err(AttentionInputs::Apart(apart.map(Tensor::from_dispatch))),
        Err(mut packed) => {
            let packed = packed.remove(0);
            match takes {
                true => {
                    let [mask, factors] = extra(&packed, mask, factors);
                    Ok(Dispatch::tinder_self_attention(packed, mask, factors, plan))
                }
                false => Err(AttentionInputs::Packed(Tensor::from_dispatch(packed))),
            }
        }
    };
    given.map(|(means, weights)| (Tensor::from_dispatch(means), Tensor::from_dispatch(weights)))
}

/// Mask and factors; a tensor at hand stands for one that is not given.
#[cfg(feature = "flex")]
fn extra(
    other: &burn::backend::DispatchTensor,
    mask: Option<&Tensor<3, Bool>>,
    factors: Option<&Tensor<4>>,
) -> [burn::backend::DispatchTensor; 2] {
    [
        mask.map(|mask| mask.clone().float().into_dispatch()),
        factors.map(|factors| factors.clone().into_dispatch()),
    ]
    .map(|given| given.unwrap_or_else(|| other.clone()))
}

/// The same written with Burn's operations.
fn plain(
    [queries, keys, values]: [Tensor<3>; 3],
    shape: &AttentionShape,
    mask: Option<Tensor<3, Bool>>,
    factors: Option<Tensor<4>>,
) -> (Tensor<3>, Tensor<4>) {
    let AttentionShape {
        batch,
        heads,
        groups,
        part,
        queries: steps,
        keys: count,
    } = *shape;
    let queries = queries.reshape([batch, steps, heads, part]).swap_dims(1, 2);
    let split = |tensor: Tensor<3>| {
        let tensor = tensor.reshape([batch, count, groups, part]).swap_dims(1, 2);
        match groups == heads {
            true => tensor,
            false => {
                let tensor = tensor.reshape([batch * groups, 1, count, part]);
                let tensor = tensor.expand([batch * groups, heads / groups, count, part]);
                tensor.reshape([batch, heads, count, part])
            }
        }
    };
    let all = [batch, heads, steps, count];
    let scores = queries.matmul(split(keys).transpose()) / (part as f64).sqrt();
    let scores = match mask {
        Some(mask) => {
            let [sequences, rows, _] = mask.dims();
            let mask = mask.reshape([sequences, 1, rows, count]).expand(all);
            scores.mask_fill(mask, MASKED)
        }
        None => scores,
    };
    let weights = softmax(scores);
    let dropped = match factors {
        Some(factors) => weights.clone() * factors,
        None => weights.clone(),
    };
    let means = dropped.matmul(split(values)).swap_dims(1, 2);
    (means.reshape([batch, steps, heads * part]), weights)
}
