use burn::nn::loss::CrossEntropyLossConfig;
use burn::tensor::Device;
use tinderbox_core::Seed;
use tinderbox_data::{Classes, Target, Values};
use tinderbox_models::{LinearRegression, LinearRegressionConfig};
use tinderbox_nn::{Initializer, Network};
use tinderbox_optim::{
    F32_TOLERANCE, GradientsParams, Lbfgs, LbfgsConfig, least_squares_with_tolerance,
};
use tinderbox_tables::{Targets, TensorTable};
use tinderbox_train::TrainError;

use super::{TableNetwork, TabularError};

/// Multiplications of the least squares, rows x columns², above which they take minutes.
const MOST_PRODUCTS: f64 = 2e10;

/// Multiplications of one pass over all rows for classes, rows x columns x classes.
const MOST_A_PASS: f64 = 1e7;

/// The largest number of calls of L-BFGS, and the iterations of each.
const ROUNDS: usize = 10;
const ITERATIONS: usize = 50;

/// The solver stops after a round that lowers the loss by less than this fraction.
const ENOUGH: f64 = 1e-5;

/// The linear model that fits these rows best, computed without gradient descent.
///
/// Numbers are solved by least squares. Classes are solved by logistic regression without a penalty:
/// L-BFGS over all rows, until the loss stops falling (separable classes have no optimum; there the last
/// of 500 iterations is taken). `None` where that would take minutes.
///
/// # Errors
/// No targets, features that are not finite.
pub fn solve_linear(
    table: &TensorTable,
    device: &Device,
) -> Result<Option<TableNetwork>, TabularError> {
    let size = table.features.rows() as f64 * table.features.width() as f64;
    let model = match &table.targets {
        Targets::None => return Err(TabularError::NoTarget),
        Targets::Values(targets) if size * table.features.width() as f64 <= MOST_PRODUCTS => {
            numbers(&table.features, targets, device)?
        }
        Targets::Classes(classes) if size * classes.names().len() as f64 <= MOST_A_PASS => {
            self::classes(&table.features, classes, device)?
        }
        _ => return Ok(None),
    };
    Ok(Some(TableNetwork::Linear(model)))
}

fn numbers(
    features: &Values,
    targets: &Values,
    device: &Device,
) -> Result<LinearRegression, TabularError> {
    let (width, outputs) = (features.width(), targets.width());
    let features = features.to_wide();
    let solved =
        least_squares_with_tolerance(&features, width, targets.as_slice(), outputs, F32_TOLERANCE);
    let solved = solved.map_err(TrainError::from)?;
    Ok(LinearRegression::from_weights(
        &solved.weights,
        &solved.bias,
        device,
    )?)
}

fn classes(
    features: &Values,
    classes: &Classes,
    device: &Device,
) -> Result<LinearRegression, TabularError> {
    let device = device.clone().autodiff();
    let zeros = LinearRegressionConfig {
        outputs: classes.names().len(),
        initializer: Initializer::Zeros,
        ..LinearRegressionConfig::new(features.width())
    };
    let mut model = zeros.init(Seed::new(0), &device)?;
    let inputs = features.clone().into_tensor(&device);
    let targets = classes.clone().into_tensor(&device);
    let cross_entropy = CrossEntropyLossConfig::new().init(&device);
    let config = LbfgsConfig::default()
        .max_iterations(ITERATIONS)
        .history_size(20)
        .line_search(true);
    let mut optimizer = Lbfgs::new(config).map_err(TrainError::from)?;
    let mut before = f64::INFINITY;
    for _ in 0..ROUNDS {
        let step = optimizer.step(1.0, model, |model: LinearRegression| {
            let loss = cross_entropy.forward(model.forward(inputs.clone()), targets.clone());
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            (loss.into_scalar(), gradients)
        });
        let loss;
        (model, loss) = step.map_err(TrainError::from)?;
        if before - loss < ENOUGH * loss {
            break;
        }
        before = loss;
    }
    Ok(burn::module::Module::valid(&model))
}
