//! Which devices have their tensors in host memory.

use std::fmt::{self, Write};

use burn::tensor::Device;

/// Whether tensors of this device are in host memory, so that reading their numbers waits for nothing and
/// copies nothing.
///
/// The answer for a device with autodiff is `false`: pass [`Device::inner`]. A wrong answer costs speed
/// and never correctness.
pub fn is_host(device: &Device) -> bool {
    // No crate below the facade may name a backend in its types, so the name that the device prints is
    // used; only its first bytes are kept, since a step must not allocate for this.
    let mut name = Prefix {
        bytes: [0; 16],
        length: 0,
    };
    let _stopped_early = write!(name, "{device:?}");
    let name = &name.bytes[..name.length];
    name.starts_with(b"Device<Flex") || name.starts_with(b"Device<NdArray")
}

/// Keeps the first bytes that are written to it.
struct Prefix {
    bytes: [u8; 16],
    length: usize,
}

impl Write for Prefix {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = (self.bytes.len() - self.length).min(text.len());
        self.bytes[self.length..self.length + room].copy_from_slice(&text.as_bytes()[..room]);
        self.length += room;
        if room < text.len() {
            Err(fmt::Error)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_devices_are_recognized() {
        #[allow(deprecated)] // the feature `ndarray` is ours to keep
        for device in [Device::flex(), Device::ndarray()] {
            assert!(is_host(&device), "{device:?}");
            assert!(!is_host(&device.autodiff()));
        }
    }
}
