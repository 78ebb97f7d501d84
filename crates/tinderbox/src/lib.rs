//! Deep learning in Rust on Burn: from a table of numbers to ResNet.
