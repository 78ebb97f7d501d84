//! Which devices have their tensors in host memory.

use std::fmt::{self, Write};

use burn::tensor::Device;

/// Whether tensors of this device are in host memory, so that reading their numbers waits for nothing and
/// copies nothing.
///
/// The answer for a device with autodiff is `false`: pass [`Device::inner`]. A wrong answer costs speed
/// and never correctness.
pub fn is_host(device: &Device) -> bool {
    let name = Prefix::of(device);
    name.begins(b"Device<Flex") || name.begins(b"Device<NdArray")
}

/// Whether the device belongs to another process, perhaps on another machine; `false` with autodiff, as [`is_host`].
pub fn is_remote(device: &Device) -> bool {
    Prefix::of(device).begins(b"Device<Remote")
}

/// A device in host memory, over which others can exchange tensors; `None` without the feature `flex`.
pub fn host_memory() -> Option<Device> {
    #[cfg(feature = "flex")]
    return Some(Device::flex());
    #[cfg(not(feature = "flex"))]
    None
}

/// Keeps the first bytes that are written to it.
struct Prefix {
    bytes: [u8; 16],
    length: usize,
}

impl Prefix {
    /// The beginning of what a device prints: no crate below the facade may name a backend in its types. Only the
    /// first bytes are kept, since a step must not allocate for this.
    fn of(device: &Device) -> Self {
        let mut name = Self {
            bytes: [0; 16],
            length: 0,
        };
        let _stopped_early = write!(name, "{device:?}");
        name
    }

    fn begins(&self, with: &[u8]) -> bool {
        self.bytes[..self.length].starts_with(with)
    }
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
