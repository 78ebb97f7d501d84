//! Names of the classes of known data sets.

fn names(names: [&str; 10]) -> Vec<String> {
    names.map(String::from).to_vec()
}

/// The classes of Fashion-MNIST, in the order of its labels.
pub fn fashion_mnist_classes() -> Vec<String> {
    names([
        "t-shirt",
        "trouser",
        "pullover",
        "dress",
        "coat",
        "sandal",
        "shirt",
        "sneaker",
        "bag",
        "ankle boot",
    ])
}

/// The classes of CIFAR-10, in the order of its labels.
pub fn cifar10_classes() -> Vec<String> {
    names([
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    ])
}

/// The classes of MNIST: the digits.
pub fn digit_classes() -> Vec<String> {
    (0..10).map(|digit| digit.to_string()).collect()
}
