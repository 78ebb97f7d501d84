//! The shapes that the course prints for its networks, layer by layer.

use burn::tensor::Device;
use tinderbox_core::Seed;
use tinderbox_models::{ImageConfig, find, summary};
use tinderbox_nn::Initializer;

/// Shapes of the layers of a model for a grayscale image of this size, in the order of the computation.
fn shapes(name: &str, side: usize) -> Vec<Vec<usize>> {
    let mut config = (find(name).unwrap().config)([1, side, side], 10);
    // Shapes need no weights; those of VGG take long to draw.
    if let ImageConfig::Vgg(vgg) = &mut config {
        vgg.convolution_initializer = Initializer::Zeros;
        vgg.linear_initializer = Initializer::Zeros;
    }
    let model = config.init(Seed::new(1), &Device::flex()).unwrap();
    let rows = summary(&model).unwrap().rows;
    rows.into_iter().map(|row| row.output).collect()
}

/// Checks that these shapes occur in this order, possibly with others between them.
fn assert_in_order(name: &str, side: usize, expected: &[&[usize]]) {
    let found = shapes(name, side);
    let mut rest = found.iter();
    for shape in expected {
        assert!(
            rest.any(|found| found == shape),
            "{name}: no {shape:?} in its place in {found:?}"
        );
    }
    assert_eq!(
        found.last().map(Vec::as_slice),
        expected.last().copied(),
        "{name}"
    );
}

#[test]
fn alexnet() {
    let expected: [&[usize]; 12] = [
        &[96, 54, 54],
        &[96, 26, 26],
        &[256, 26, 26],
        &[256, 12, 12],
        &[384, 12, 12],
        &[384, 12, 12],
        &[256, 12, 12],
        &[256, 5, 5],
        &[6400],
        &[4096],
        &[4096],
        &[10],
    ];
    assert_in_order("alexnet", 224, &expected);
}

#[test]
fn vgg11() {
    let expected: [&[usize]; 9] = [
        &[64, 112, 112],
        &[128, 56, 56],
        &[256, 28, 28],
        &[512, 14, 14],
        &[512, 7, 7],
        &[25_088],
        &[4096],
        &[4096],
        &[10],
    ];
    assert_in_order("vgg11_course", 224, &expected);
}

#[test]
fn network_in_network() {
    let expected: [&[usize]; 8] = [
        &[96, 54, 54],
        &[96, 26, 26],
        &[256, 26, 26],
        &[256, 12, 12],
        &[384, 12, 12],
        &[384, 5, 5],
        &[10, 5, 5],
        &[10],
    ];
    assert_in_order("nin", 224, &expected);
}

#[test]
fn googlenet() {
    let expected: [&[usize]; 6] = [
        &[64, 24, 24],
        &[192, 12, 12],
        &[480, 6, 6],
        &[832, 3, 3],
        &[1024],
        &[10],
    ];
    assert_in_order("googlenet", 96, &expected);
}

#[test]
fn resnet18() {
    let expected: [&[usize]; 7] = [
        &[64, 56, 56],
        &[64, 56, 56],
        &[128, 28, 28],
        &[256, 14, 14],
        &[512, 7, 7],
        &[512],
        &[10],
    ];
    for name in ["resnet18_course", "resnet18"] {
        assert_in_order(name, 224, &expected);
    }
}
