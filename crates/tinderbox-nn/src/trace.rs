//! What a forward pass does, layer by layer: the source of model summaries.

use std::cell::RefCell;

use burn::module::ParamId;

/// One layer of a forward pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What kind of layer it is, as PyTorch calls it.
    pub kind: &'static str,
    /// Its parameters.
    pub weights: Vec<ParamId>,
    /// The shape of what it makes, batch first.
    pub output: Vec<usize>,
    /// Multiplications that are added up (convolutions and matrix products), for the whole batch.
    pub multiply_adds: u64,
}

thread_local! {
    static STEPS: RefCell<Option<Vec<Step>>> = const { RefCell::new(None) };
}

/// Runs `forward` and returns what its layers reported, in the order of the computation.
///
/// Only layers of this crate report, and only those that run on this thread.
pub fn record<T>(forward: impl FnOnce() -> T) -> (T, Vec<Step>) {
    let outer = STEPS.replace(Some(Vec::new()));
    let result = forward();
    let steps = STEPS.replace(outer).unwrap_or_default();
    (result, steps)
}

/// Reports a layer; costs nothing to speak of unless [`record`] is running.
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
    fn only_what_runs_inside_is_recorded_and_recordings_nest() {
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
