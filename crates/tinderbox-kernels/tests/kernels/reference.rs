//! Convolution and pooling as loops over every index, in 64 bits.

use tinderbox_kernels::slices::{ConvShape, PoolShape};

/// Calls `product(input, weight, output)` with the indices of every product of a convolution.
pub fn for_each_product(shape: &ConvShape, mut product: impl FnMut(usize, usize, usize)) {
    let [height, width] = shape.output().unwrap();
    let [inputs, outputs] = shape.channels;
    let (group_inputs, group_outputs) = (inputs / shape.groups, outputs / shape.groups);
    let within = |at: usize, axis: usize, place: usize| {
        let at = at * shape.stride[axis] + place * shape.dilation[axis];
        let at = at.checked_sub(shape.padding[axis].0)?;
        (at < shape.input[axis]).then_some(at)
    };
    for image in 0..shape.batch {
        for output in 0..outputs {
            for channel in 0..group_inputs {
                let input = output / group_outputs * group_inputs + channel;
                for pixel in 0..height * width {
                    for place in 0..shape.kernel[0] * shape.kernel[1] {
                        let (down, right) = (place / shape.kernel[1], place % shape.kernel[1]);
                        let row = within(pixel / width, 0, down);
                        let column = within(pixel % width, 1, right);
                        if let (Some(row), Some(column)) = (row, column) {
                            let plane = image * inputs + input;
                            product(
                                (plane * shape.input[0] + row) * shape.input[1] + column,
                                (output * group_inputs + channel)
                                    * (shape.kernel[0] * shape.kernel[1])
                                    + place,
                                (image * outputs + output) * height * width + pixel,
                            );
                        }
                    }
                }
            }
        }
    }
}

pub fn conv2d(shape: &ConvShape, input: &[f64], weight: &[f64], bias: &[f64]) -> Vec<f64> {
    let pixels: usize = shape.output().unwrap().iter().product();
    let mut output: Vec<f64> = (0..shape.lengths()[2])
        .map(|index| bias[index / pixels % shape.channels[1]])
        .collect();
    for_each_product(shape, |i, w, o| output[o] += input[i] * weight[w]);
    output
}

/// The gradients of input, weight and bias.
pub fn conv2d_gradients(
    shape: &ConvShape,
    input: &[f64],
    weight: &[f64],
    gradient: &[f64],
) -> [Vec<f64>; 3] {
    let (mut of_input, mut of_weight) = (vec![0.0; input.len()], vec![0.0; weight.len()]);
    for_each_product(shape, |i, w, o| {
        of_input[i] += weight[w] * gradient[o];
        of_weight[w] += input[i] * gradient[o];
    });
    let pixels: usize = shape.output().unwrap().iter().product();
    let mut of_bias = vec![0.0; shape.channels[1]];
    for (index, gradient) in gradient.iter().enumerate() {
        of_bias[index / pixels % shape.channels[1]] += gradient;
    }
    [of_input, of_weight, of_bias]
}

/// The indices of the inputs in the window of each output.
pub fn windows(shape: &PoolShape) -> Vec<Vec<usize>> {
    let [height, width] = shape.output().unwrap();
    let mut windows = Vec::new();
    for plane in 0..shape.planes {
        for pixel in 0..height * width {
            let mut window = Vec::new();
            for place in 0..shape.window[0] * shape.window[1] {
                let (down, right) = (place / shape.window[1], place % shape.window[1]);
                let row = (pixel / width * shape.stride[0] + down).checked_sub(shape.padding[0]);
                let column =
                    (pixel % width * shape.stride[1] + right).checked_sub(shape.padding[1]);
                if let (Some(row), Some(column)) = (row, column)
                    && row < shape.input[0]
                    && column < shape.input[1]
                {
                    window.push((plane * shape.input[0] + row) * shape.input[1] + column);
                }
            }
            windows.push(window);
        }
    }
    windows
}
