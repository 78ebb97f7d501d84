//! The operations on tensors compared with Burn's own, forward and backward.

use burn::nn::loss::CrossEntropyLossConfig;
use burn::tensor::ops::{AvgPoolOptions, ConvOptions, ConvTransposeOptions, MaxPoolOptions};
use burn::tensor::{DType, Device, Int, Tensor, TensorData, activation as stock, module};
use tinderbox_kernels::slices::ConvShape;
use tinderbox_kernels::{
    Function, RecurrentCell, RecurrentTensors, activation, adaptive_avg_pool2d, avg_pool2d,
    batch_norm, batch_norm_train, conv_transpose2d, conv2d, cross_entropy, embedding,
    first_outside, layer_norm, linear, log_softmax, max_pool2d, recurrent, softmax,
};

use crate::numbers::{Numbers, assert_close};
use crate::slices::random_conv;

fn random<const D: usize>(numbers: &mut Numbers, dims: [usize; D], device: &Device) -> Tensor<D> {
    let data = TensorData::new(numbers.many(dims.iter().product()), dims);
    Tensor::from_data(data, device)
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

fn assert_same<const D: usize>(ours: Tensor<D>, burns: Tensor<D>, what: &dyn std::fmt::Debug) {
    assert_eq!(ours.dims(), burns.dims(), "{what:?}");
    let burns: Vec<f64> = values(burns).into_iter().map(f64::from).collect();
    assert_close(&values(ours), &burns, what);
}

/// The output and the gradients of the inputs, for a loss in which every output has its own
/// weight.
fn differentiate<const D: usize, const O: usize>(
    inputs: &[Tensor<D>],
    f: impl Fn(&[Tensor<D>]) -> Tensor<O>,
) -> (Tensor<O>, Vec<Tensor<D>>) {
    let inputs: Vec<_> = inputs
        .iter()
        .map(|one| one.clone().require_grad())
        .collect();
    let output = f(&inputs);
    let weights = random(&mut Numbers::new(2), output.dims(), &output.device());
    let grads = (output.clone() * weights).sum().backward();
    let device = output.device();
    let grad =
        |input: &Tensor<D>| Tensor::from_data(input.grad(&grads).unwrap().to_data(), &device);
    (output.inner(), inputs.iter().map(grad).collect())
}

fn options(shape: &ConvShape) -> ConvOptions<2> {
    ConvOptions::new_with_padding(shape.stride, shape.padding, shape.dilation, shape.groups)
}

#[test]
fn convolutions_and_their_gradients_equal_burns() {
    let device = Device::flex().autodiff();
    let mut numbers = Numbers::new(4);
    for round in 0..25 {
        let shape = random_conv(&mut numbers);
        let [height, width] = shape.input;
        let dims = [shape.batch, shape.channels[0], height, width];
        let per_group = shape.channels[0] / shape.groups;
        let kernel = [
            shape.channels[1],
            per_group,
            shape.kernel[0],
            shape.kernel[1],
        ];
        // Every other time with strides that are not those of the shape.
        let input = match round % 2 {
            0 => random(&mut numbers, dims, &device),
            _ => random(&mut numbers, [width, height, dims[1], dims[0]], &device)
                .permute([3, 2, 1, 0]),
        };
        let weight = random(&mut numbers, kernel, &device);
        let bias = random(&mut numbers, [1, 1, 1, shape.channels[1]], &device);
        let bias_of = |inputs: &[Tensor<4>]| Some(inputs[2].clone().reshape([shape.channels[1]]));
        let inputs = [input, weight, bias];
        let (ours, our_grads) = differentiate(&inputs, |inputs| {
            let [x, w] = [inputs[0].clone(), inputs[1].clone()];
            conv2d(x, w, bias_of(inputs), options(&shape))
        });
        let (burns, burns_grads) = differentiate(&inputs, |inputs| {
            let [x, w] = [inputs[0].clone(), inputs[1].clone()];
            module::conv2d(x, w, bias_of(inputs), options(&shape))
        });
        assert_same(ours, burns, &shape);
        for (ours, burns) in our_grads.into_iter().zip(burns_grads) {
            assert_same(ours, burns, &shape);
        }
    }
}

#[test]
fn transposed_convolutions_and_their_gradients_equal_burns() {
    let device = Device::flex().autodiff();
    let mut numbers = Numbers::new(14);
    let mut between = |low: usize, high: usize| numbers.within(low..=high);
    for round in 0..25 {
        let groups = between(1, 2);
        let (batch, inputs, outputs) = (
            between(1, 3),
            groups * between(1, 5),
            groups * between(1, 5),
        );
        let kernel = [between(1, 4), between(1, 4)];
        let stride = [between(1, 3), between(1, 3)];
        let dilation = [between(1, 2), between(1, 2)];
        let padding = [0, 1].map(|axis| between(0, dilation[axis] * (kernel[axis] - 1) / 2));
        let extra = [0, 1].map(|axis| between(0, stride[axis] - 1));
        let sides = [between(2, 7), between(2, 7)];
        let options = ConvTransposeOptions::new(stride, padding, extra, dilation, groups);
        let mut numbers = Numbers::new(100 + round);
        let inputs = [
            random(&mut numbers, [batch, inputs, sides[0], sides[1]], &device),
            random(
                &mut numbers,
                [inputs, outputs / groups, kernel[0], kernel[1]],
                &device,
            ),
            random(&mut numbers, [1, 1, 1, outputs], &device),
        ];
        let parts = |inputs: &[Tensor<4>]| {
            let [x, w, b] = [0, 1, 2].map(|index| inputs[index].clone());
            (x, w, Some(b.reshape([outputs])))
        };
        let (ours, our_grads) = differentiate(&inputs, |inputs| {
            let (x, w, b) = parts(inputs);
            conv_transpose2d(x, w, b, options.clone())
        });
        let (burns, burns_grads) = differentiate(&inputs, |inputs| {
            let (x, w, b) = parts(inputs);
            module::conv_transpose2d(x, w, b, options.clone())
        });
        assert_same(ours, burns, &options);
        for (ours, burns) in our_grads.into_iter().zip(burns_grads) {
            assert_same(ours, burns, &options);
        }
    }
}

#[test]
fn pools_and_their_gradients_equal_burns() {
    let device = Device::flex().autodiff();
    let mut numbers = Numbers::new(6);
    for (dims, [window, stride, padding]) in [
        ([2, 3, 8, 6], [2, 2, 0]),
        ([1, 2, 9, 7], [2, 2, 0]),
        ([2, 2, 9, 12], [3, 2, 1]),
        ([1, 1, 5, 5], [3, 1, 1]),
    ] {
        let inputs = [random(&mut numbers, dims, &device)];
        let average = AvgPoolOptions::new([window; 2])
            .with_stride([stride; 2])
            .with_padding_pairs([(padding, padding); 2]);
        let largest = MaxPoolOptions::new([window; 2])
            .with_stride([stride; 2])
            .with_padding_pairs([(padding, padding); 2]);
        for (ours, burns) in [
            (
                differentiate(&inputs, |x| {
                    avg_pool2d(x[0].clone(), window, stride, padding)
                }),
                differentiate(&inputs, |x| {
                    module::avg_pool2d(x[0].clone(), average.clone())
                }),
            ),
            (
                differentiate(&inputs, |x| {
                    max_pool2d(x[0].clone(), window, stride, padding)
                }),
                differentiate(&inputs, |x| {
                    module::max_pool2d(x[0].clone(), largest.clone())
                }),
            ),
        ] {
            assert_same(ours.0, burns.0, &(dims, window));
            assert_same(ours.1[0].clone(), burns.1[0].clone(), &(dims, window));
        }
    }
    // Of equal numbers the first one is taken, as in Burn.
    let same = [Tensor::<4>::zeros([1, 1, 5, 5], &device)];
    let (_, ours) = differentiate(&same, |x| max_pool2d(x[0].clone(), 3, 2, 1));
    let options = MaxPoolOptions::new([3; 2]).with_stride([2; 2]);
    let options = options.with_padding_pairs([(1, 1); 2]);
    let (_, burns) = differentiate(&same, |x| module::max_pool2d(x[0].clone(), options.clone()));
    assert_eq!(ours[0].to_data(), burns[0].to_data());
}

#[test]
fn activations_and_their_gradients_equal_burns() {
    type Stock = fn(Tensor<3>) -> Tensor<3>;
    let cases: [(Function, Stock); 7] = [
        (Function::Tanh, Tensor::tanh),
        (Function::Relu, stock::relu),
        (Function::Relu6, |x| x.clamp(0.0, 6.0)),
        (Function::Sigmoid, stock::sigmoid),
        (Function::Silu, stock::silu),
        (Function::Gelu, stock::gelu),
        (Function::GeluTanh, |x| {
            let inner = (x.clone().powi_scalar(3) * 0.044_715 + x.clone()) * 0.797_884_6;
            x * 0.5 * (inner.tanh() + 1.0)
        }),
    ];
    for device in [
        Device::flex().autodiff(),
        Device::flex().autodiff().gradient_checkpointing(),
    ] {
        let input = random(&mut Numbers::new(8), [5, 7, 9], &device) * 7.0;
        // A view of every other row in another order.
        let input = input.swap_dims(0, 2).narrow(0, 2, 6).detach();
        for (function, burns) in cases {
            let inputs = [input.clone()];
            // Used twice: the gradients of both add up.
            let (output, grads) = differentiate(&inputs, |x| {
                activation(x[0].clone(), function) + activation(x[0].clone() * 2.0, function)
            });
            let (expected, expected_grads) =
                differentiate(&inputs, |x| burns(x[0].clone()) + burns(x[0].clone() * 2.0));
            assert_same(output, expected, &function);
            assert_same(grads[0].clone(), expected_grads[0].clone(), &function);
            // The input is not changed in place while something else needs it.
            assert_eq!(inputs[0].to_data(), input.to_data());
        }
    }
}

#[test]
fn batch_norm_and_its_gradients_equal_burns() {
    let device = Device::flex().autodiff();
    let mut numbers = Numbers::new(12);
    let input = random(&mut numbers, [4, 3, 6, 5], &device);
    let inputs = [
        input,
        random(&mut numbers, [1, 1, 1, 3], &device),
        random(&mut numbers, [1, 1, 1, 3], &device),
    ];
    let of = |x: &[Tensor<4>]| {
        (
            x[0].clone(),
            x[1].clone().reshape([3]),
            x[2].clone().reshape([3]),
        )
    };
    let (ours, our_grads) = differentiate(&inputs, |x| {
        let (x, gamma, beta) = of(x);
        batch_norm_train(x, gamma, beta, 1e-5).output
    });
    let (burns, burns_grads) = differentiate(&inputs, |x| {
        let (x, gamma, beta) = of(x);
        module::batch_norm_train(x, gamma, beta, 1e-5).output
    });
    assert_same(ours, burns, &"training");
    for (ours, burns) in our_grads.into_iter().zip(burns_grads) {
        assert_same(ours, burns, &"training");
    }
    let (x, gamma, beta) = of(&inputs);
    let ours = batch_norm_train(x.clone(), gamma.clone(), beta.clone(), 1e-5);
    let burns = module::batch_norm_train(x.clone(), gamma.clone(), beta.clone(), 1e-5);
    let (mean, variance) = (burns.mean.clone(), burns.variance.clone());
    assert_same(ours.mean, burns.mean, &"mean");
    assert_same(ours.variance, burns.variance, &"variance");
    for plain in [true, false] {
        let strip = |one: Tensor<1>| if plain { one.inner() } else { one };
        let x = if plain { x.clone().inner() } else { x.clone() };
        let parameters = [&gamma, &beta, &mean, &variance].map(|one| strip(one.clone()));
        let [g, b, m, v] = parameters.clone();
        let burns = module::batch_norm(x.clone(), g, b, m, v, 1e-5);
        assert_same(batch_norm(x, parameters, 1e-5), burns, &"inference");
    }
}

/// A view of rows in another order, every other one of them.
fn view(numbers: &mut Numbers, [rows, columns]: [usize; 2], device: &Device) -> Tensor<2> {
    random(numbers, [columns, 2 * rows], device)
        .transpose()
        .narrow(0, rows / 2, rows)
}

#[test]
fn operations_on_rows_and_their_gradients_equal_burns() {
    let device = Device::flex().autodiff();
    let mut numbers = Numbers::new(14);
    for (rows, columns) in [(1, 1), (7, 10), (33, 28), (3, 5000)] {
        let what = &(rows, columns);
        let inputs = [
            view(&mut numbers, [rows, columns], &device) * 5.0,
            random(&mut numbers, [1, columns], &device),
            random(&mut numbers, [1, columns], &device),
        ];
        let labels: Vec<i32> = (0..rows)
            .map(|_| numbers.within(0..=columns - 1) as i32)
            .collect();
        let labels = Tensor::<1, Int>::from_data(labels.as_slice(), &device);
        let same = |ours: &dyn Fn(&[Tensor<2>]) -> Tensor<2>,
                    burns: &dyn Fn(&[Tensor<2>]) -> Tensor<2>,
                    inputs: &[Tensor<2>]| {
            let (ours, our_grads) = differentiate(inputs, ours);
            let (burns, burns_grads) = differentiate(inputs, burns);
            assert_same(ours, burns, what);
            for (ours, burns) in our_grads.into_iter().zip(burns_grads) {
                assert_same(ours, burns, what);
            }
        };
        let first = &inputs[..1];
        same(
            &|x| softmax(x[0].clone()),
            &|x| stock::softmax(x[0].clone(), 1),
            first,
        );
        same(
            &|x| log_softmax(x[0].clone()),
            &|x| stock::log_softmax(x[0].clone(), 1),
            first,
        );
        for smoothing in [None, Some(0.1)] {
            let ours = |x: &[Tensor<2>]| {
                // The gradient that comes back is not 1.
                let loss = cross_entropy(x[0].clone(), labels.clone(), smoothing.unwrap_or(0.0));
                loss.unsqueeze() * 3.0
            };
            let burns = |x: &[Tensor<2>]| {
                let loss = CrossEntropyLossConfig::new()
                    .with_smoothing(smoothing)
                    .init(&device);
                loss.forward(x[0].clone(), labels.clone()).unsqueeze() * 3.0
            };
            same(&ours, &burns, first);
        }
        if columns > 1 {
            let parameters = |x: &[Tensor<2>]| [1, 2].map(|at| x[at].clone().reshape([columns]));
            let ours = |x: &[Tensor<2>]| {
                let [gamma, beta] = parameters(x);
                layer_norm(x[0].clone(), gamma, Some(beta), 1e-5)
            };
            let burns = |x: &[Tensor<2>]| {
                let [gamma, beta] = parameters(x);
                module::layer_norm(x[0].clone(), gamma, Some(beta), 1e-5)
            };
            same(&ours, &burns, &inputs);
        }
        let ids: Vec<i32> = (0..12)
            .map(|_| numbers.within(0..=rows - 1) as i32)
            .collect();
        let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, [4, 3]), &device).transpose();
        let flat = |rows: Tensor<3>| rows.reshape([12, columns]);
        same(
            &|x| flat(embedding(x[0].clone(), ids.clone())),
            &|x| flat(module::embedding(x[0].clone(), ids.clone())),
            first,
        );
    }
}

#[test]
fn adaptive_pools_and_their_gradients_equal_burns() {
    let device = Device::flex().autodiff();
    let mut numbers = Numbers::new(16);
    for (dims, output) in [
        ([2, 3, 7, 5], [1, 1]),
        ([1, 2, 6, 9], [4, 3]),
        ([2, 1, 2, 3], [5, 3]),
    ] {
        let inputs = [random(&mut numbers, dims, &device).permute([0, 1, 3, 2])];
        let (ours, our_grads) =
            differentiate(&inputs, |x| adaptive_avg_pool2d(x[0].clone(), output));
        let (burns, burns_grads) = differentiate(&inputs, |x| {
            module::adaptive_avg_pool2d(x[0].clone(), output)
        });
        assert_same(ours, burns, &output);
        assert_same(our_grads[0].clone(), burns_grads[0].clone(), &output);
    }
}

#[test]
fn the_first_number_outside_is_found_on_every_device_and_in_every_order() {
    #[allow(deprecated)]
    for device in [Device::flex(), Device::flex().autodiff(), Device::ndarray()] {
        let ids = Tensor::<2, Int>::from_data([[0, 5, 1], [2, -1, 3]], &device);
        assert_eq!(first_outside(&ids, 6), Some((4, -1)));
        assert_eq!(first_outside(&ids, 3), Some((1, 5)));
        // Rows become columns: 0 2, 5 -1, 1 3.
        assert_eq!(first_outside(&ids.clone().transpose(), 5), Some((2, 5)));
        assert_eq!(first_outside(&ids.narrow(0, 0, 1), 6), None);
    }
}

#[test]
fn other_types_devices_and_empty_tensors_are_burns() {
    let flex = Device::flex();
    let mut numbers = Numbers::new(10);
    let input = random(&mut numbers, [2, 3, 6, 6], &flex);
    let weight = random(&mut numbers, [4, 3, 3, 3], &flex);
    let options = || ConvOptions::new([1; 2], [0; 2], [1; 2], 1);
    for dtype in [DType::F64, DType::F16] {
        let (x, w) = (input.clone().cast(dtype), weight.clone().cast(dtype));
        let ours = conv2d(x.clone(), w.clone(), None, options());
        assert_eq!(ours.dtype(), dtype);
        assert_eq!(
            ours.to_data(),
            module::conv2d(x.clone(), w, None, options()).to_data()
        );
        let ours = activation(x.clone(), Function::Sigmoid);
        assert_eq!(ours.to_data(), stock::sigmoid(x.clone()).to_data());
        let ours = max_pool2d(x.clone(), 2, 2, 0);
        let burns = module::max_pool2d(x, MaxPoolOptions::new([2; 2]));
        assert_eq!(ours.to_data(), burns.to_data());
    }
    #[allow(deprecated)]
    let other = Device::ndarray();
    let (x, w) = (input.clone().to_data(), weight.clone().to_data());
    let (x, w) = (
        Tensor::<4>::from_data(x, &other),
        Tensor::<4>::from_data(w, &other),
    );
    let there = conv2d(x.clone(), w.clone(), None, options());
    assert_eq!(there.device(), other);
    assert_same(
        conv2d(input, weight.clone(), None, options()),
        there,
        &"ndarray",
    );
    let empty = Tensor::<4>::zeros([0, 3, 6, 6], &flex);
    assert_eq!(
        conv2d(empty.clone(), weight, None, options()).dims(),
        [0, 4, 4, 4]
    );
    assert_eq!(activation(empty, Function::Relu).dims(), [0, 3, 6, 6]);
    assert_eq!(softmax(Tensor::<2>::zeros([0, 3], &flex)).dims(), [0, 3]);
    let rows = random(&mut numbers, [5, 6], &flex);
    let labels = Tensor::<1, Int>::from_data([0, 5, 2, 2, 1], &flex);
    let doubles = rows.clone().cast(DType::F64);
    let loss = cross_entropy(doubles.clone(), labels.clone(), 0.0);
    assert_eq!(loss.dtype(), DType::F64);
    let expected: Vec<f64> = loss.into_data().try_to_vec().unwrap();
    let ours = values(cross_entropy(rows, labels, 0.0));
    assert_close(&ours, &expected, &"cross-entropy");
    assert_eq!(softmax(doubles).dtype(), DType::F64);
    // Recurrent layers have their own form there.
    let tensors = |device: &Device, batch: usize, dtype: DType| RecurrentTensors {
        input: Tensor::<3>::zeros([2, batch, 3], device).cast(dtype),
        hidden: Tensor::<2>::zeros([batch, 4], device).cast(dtype),
        memory: None,
        weight_ih: Tensor::<2>::zeros([4, 3], device).cast(dtype),
        weight_hh: Tensor::<2>::zeros([4, 4], device).cast(dtype),
        bias_ih: Tensor::<1>::zeros([4], device).cast(dtype),
        bias_hh: Tensor::<1>::zeros([4], device).cast(dtype),
    };
    let done = |tensors, cell| recurrent(cell, false, &tensors).is_some();
    let kernels = cfg!(feature = "flex");
    assert_eq!(
        done(tensors(&flex, 2, DType::F32), RecurrentCell::Tanh),
        kernels
    );
    for (tensors, cell) in [
        (tensors(&flex, 2, DType::F64), RecurrentCell::Tanh),
        (tensors(&other, 2, DType::F32), RecurrentCell::Tanh),
        (tensors(&flex, 0, DType::F32), RecurrentCell::Tanh),
        // Without a memory, and with weights of another cell.
        (tensors(&flex, 2, DType::F32), RecurrentCell::Lstm),
        (tensors(&flex, 2, DType::F32), RecurrentCell::Gru),
    ] {
        assert!(!done(tensors, cell), "{cell:?}");
    }
}

#[test]
fn linear_layers_and_their_gradients_equal_burns() {
    let device = Device::flex().autodiff();
    let mut numbers = Numbers::new(8);
    // Rows, inputs and outputs; the first two are left to Burn.
    for [rows, inputs, outputs] in [
        [7, 3, 20],
        [20, 3, 7],
        [8, 1, 8],
        [33, 50, 17],
        [3 * 64, 300, 40],
    ] {
        for round in 0..4 {
            let (with_bias, turned) = (round % 2 == 0, round < 2);
            let input = match round {
                0 => random(&mut numbers, [inputs, rows], &device).transpose(),
                _ => random(&mut numbers, [rows, inputs], &device),
            };
            let weight = match turned {
                false => random(&mut numbers, [inputs, outputs], &device),
                true => random(&mut numbers, [outputs, inputs], &device),
            };
            let bias = random(&mut numbers, [1, outputs], &device);
            let given = [input, weight, bias];
            let parts = |given: &[Tensor<2>]| {
                let weight = given[1].clone();
                let weight = if turned { weight.transpose() } else { weight };
                let bias = given.get(2).map(|bias| bias.clone().reshape([outputs]));
                (given[0].clone().reshape([1, rows, inputs]), weight, bias)
            };
            let used = if with_bias { 3 } else { 2 };
            let (ours, our_grads) = differentiate(&given[..used], |given| {
                let (input, weight, bias) = parts(given);
                linear(input, weight, bias)
            });
            let (burns, burn_grads) = differentiate(&given[..used], |given| {
                let (input, weight, bias) = parts(given);
                module::linear(input, weight, bias)
            });
            let what = ([rows, inputs, outputs], round);
            assert_same(ours, burns, &what);
            for (ours, burns) in our_grads.into_iter().zip(burn_grads) {
                assert_same(ours, burns, &what);
            }
        }
    }
}
