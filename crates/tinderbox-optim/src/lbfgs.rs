use crate::error::{OptimError, Result, require_count, require_not_negative, require_positive};
use crate::parameters::distinct_parameters;
use crate::settings::settings;
use crate::state::{unpack, unreadable};
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{GradientsParams, LBFGS, LBFGSConfig, LineSearchFn};
use burn::tensor::{Bytes, Tensor};

settings! {
    /// Settings of [`Lbfgs`]; the defaults are PyTorch's.
    LbfgsConfig {
        /// Iterations of a step.
        max_iterations: usize = 20,
        /// Evaluations of the loss in a step; `None` is a quarter more than the iterations.
        max_evaluations: Option<usize> = None,
        /// How many differences of gradients are kept.
        history_size: usize = 100,
        /// A step ends when no number of the gradient is larger than this.
        tolerance_gradient: f64 = 1e-7,
        /// A step ends when parameters or loss change by less than this.
        tolerance_change: f64 = 1e-9,
        /// Whether to search along the direction until the strong Wolfe conditions are met.
        line_search: bool = false,
    }
}

/// L-BFGS (Liu and Nocedal 1989): Burn's implementation, with its assumptions checked.
///
/// For smooth problems whose data fit in one batch. A step evaluates the loss many times, so it takes
/// a closure and not gradients.
#[derive(Clone)]
pub struct Lbfgs {
    inner: LBFGS,
    config: LbfgsConfig,
    /// The number of weights in the restored history; the model must have the same.
    numbers: Option<usize>,
}

impl Lbfgs {
    /// Starts without a history.
    ///
    /// # Errors
    /// Zero counts, negative tolerances.
    pub fn new(config: LbfgsConfig) -> Result<Self> {
        require_count("lbfgs", "max_iterations", config.max_iterations)?;
        require_count(
            "lbfgs",
            "max_evaluations",
            config.max_evaluations.unwrap_or(1),
        )?;
        require_count("lbfgs", "history_size", config.history_size)?;
        require_not_negative("lbfgs", "tolerance_gradient", config.tolerance_gradient)?;
        require_not_negative("lbfgs", "tolerance_change", config.tolerance_change)?;
        let line_search = if config.line_search {
            LineSearchFn::StrongWolfe
        } else {
            LineSearchFn::None
        };
        let inner = LBFGSConfig::new()
            .with_max_iter(config.max_iterations)
            .with_max_eval(config.max_evaluations)
            .with_history_size(config.history_size)
            .with_tolerance_grad(config.tolerance_gradient)
            .with_tolerance_change(config.tolerance_change)
            .with_line_search_fn(line_search)
            .init();
        Ok(Self {
            inner,
            config,
            numbers: None,
        })
    }

    /// One step; returns the model with new weights, and its loss.
    ///
    /// `evaluate` takes a model and returns the loss over all data and its gradients; a parameter without
    /// a gradient has the gradient 0.
    ///
    /// # Errors
    /// A learning rate that is not positive, a loss that is NaN or infinite, a restored history of
    /// another model.
    pub fn step<M: Module + Clone>(
        &mut self,
        rate: f64,
        module: M,
        mut evaluate: impl FnMut(M) -> (f64, GradientsParams),
    ) -> Result<(M, f64)> {
        require_positive("lbfgs", "rate", rate)?;
        let numbers = distinct_parameters(&module)
            .iter()
            .map(|parameter| parameter.shape.iter().product::<usize>())
            .sum();
        if let Some(saved) = self.numbers
            && saved != numbers
        {
            return Err(OptimError::Shape {
                what: "the saved history of lbfgs".to_string(),
                expected: vec![saved],
                found: vec![numbers],
            });
        }
        let mut bad = None;
        let (module, loss) = self.inner.step(rate, module, |module: M| {
            let shape = module.clone();
            let (loss, mut grads) = evaluate(module);
            // Burn concatenates the gradients, so none may be missing.
            shape.visit(&mut Complete(&mut grads));
            if !loss.is_finite() {
                bad = Some(loss);
            }
            (loss, grads)
        });
        self.numbers = Some(numbers);
        match bad.or((!loss.is_finite()).then_some(loss)) {
            Some(value) => Err(OptimError::Diverged {
                what: "the loss of an lbfgs step",
                value,
            }),
            None => Ok((module, loss)),
        }
    }

    /// The history as bytes.
    ///
    /// # Errors
    /// Data that cannot be packed.
    pub fn save(&self) -> Result<Vec<u8>> {
        Ok(self.inner.into_bytes().map_err(unreadable)?.to_vec())
    }

    /// An optimizer with these settings and a saved history.
    ///
    /// # Errors
    /// Those of [`Lbfgs::new`]; bytes that are cut off or hold the state of another optimizer.
    pub fn load(config: LbfgsConfig, bytes: &[u8]) -> Result<Self> {
        let new = Self::new(config.clone())?;
        let bytes = Bytes::from_bytes_vec(bytes.to_vec());
        let (tensors, scalars, _) = unpack(bytes.clone())?;
        if !scalars.contains_key("g_iter") {
            return Err(OptimError::OtherOptimizer {
                path: "(all)".to_string(),
                found: tensors.first().map_or(String::new(), |t| t.name.clone()),
            });
        }
        let mut numbers = None;
        for tensor in &tensors {
            let length = tensor.shape.num_elements();
            if tensor.shape.num_dims() != 1 || numbers.is_some_and(|n| n != length) {
                return Err(OptimError::Unreadable(format!(
                    "entry `{}` has shape {:?}",
                    tensor.name,
                    tensor.shape.to_vec()
                )));
            }
            numbers = Some(length);
        }
        Ok(Self {
            inner: new.inner.from_bytes(bytes).map_err(unreadable)?,
            config,
            numbers,
        })
    }

    /// The settings.
    pub fn config(&self) -> &LbfgsConfig {
        &self.config
    }
}

/// Gives a gradient of zeros to every parameter that has none.
struct Complete<'a>(&'a mut GradientsParams);

impl ModuleVisitor for Complete<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if self.0.get::<D>(param.id).is_none() {
            self.0.register(param.id, param.val().inner().zeros_like());
        }
    }
}
