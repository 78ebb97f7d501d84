//! The trace of a forward pass, layer by layer, for model summaries.

use std::cell::RefCell;

use burn::module::ParamId;

/// One layer of a forward pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The kind of the layer, named as in PyTorch.
    pub kind: &'static str,
    /// Its parameters.
    pub weights: Vec<ParamId>,
    /// The shape of its output, batch first.
    pub output: Vec<usize>,
    /// Multiply-adds of convolutions and matrix products, for the whole batch.
    pub multiply_adds: u64,
}

thread_local! {
    static STEPS: RefCell<Option<Vec<Step>>> = const { RefCell::new(None) };
}

/// Runs `forward` and returns its result and the layers that ran, in the order of the computation.
///
/// Only layers of this crate are recorded, and only those that run on this thread.
pub fn record<T>(forward: impl FnOnce() -> T) -> (T, Vec<Step>) {
    let outer = STEPS.replace(Some(Vec::new()));
    let result = forward();
    let steps = STEPS.replace(outer).unwrap_or_default();
    (result, steps)
}

/// Records a layer if [`record`] is running; the cost is negligible otherwise.
pub fn step(
    kind: &'static str,
    weights: impl FnOnce() -> Vec<ParamId>,
    output: &[usize],
    multiply_adds: impl FnOnce() -> u64,
) {
    STEPS.with_borrow_mut(|steps| {
        if let Some(steps) = steps {
            steps.push(Step {
                kind,
                weights: weights(),
                output: output.to_vec(),
                multiply_adds: multiply_adds(),
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_layers_inside_are_recorded_and_recordings_nest() {
        step("outside", Vec::new, &[1], || 1);
        let ((_, inner), outer) = record(|| {
            step("before", Vec::new, &[2, 3], || 4);
            record(|| step("inside", Vec::new, &[5], || 6))
        });
        let kinds = |steps: &[Step]| steps.iter().map(|step| step.kind).collect::<Vec<_>>();
        assert_eq!(kinds(&inner), ["inside"]);
        assert_eq!(kinds(&outer), ["before"]);
        assert_eq!(
            (outer[0].output.as_slice(), outer[0].multiply_adds),
            (&[2, 3][..], 4)
        );
    }
}
