use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;
use tinderbox_core::Digest;

/// A digest of all floating-point numbers of a model, running statistics included, in the order of its fields;
/// weights that were not drawn yet are drawn.
pub fn weights_digest<M: Module>(model: &M) -> u64 {
    let mut digest = OfWeights(Digest::new());
    model.visit(&mut digest);
    digest.0.value()
}

struct OfWeights(Digest);

impl ModuleVisitor for OfWeights {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let data = param.val().into_data();
        let digest = std::mem::take(&mut self.0);
        self.0 = digest.bytes(data.as_bytes());
    }
}
