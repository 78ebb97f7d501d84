//! The devices of a program, chosen when it runs.

#[cfg(feature = "remote")]
mod remote;

#[cfg(feature = "remote")]
pub use remote::{DeviceServer, TOKEN_FILE_VARIABLE, TOKEN_VARIABLE, device_token};

use burn::tensor::Device;
#[cfg(any(
    feature = "wgpu",
    feature = "vulkan",
    feature = "metal",
    feature = "webgpu"
))]
use burn::tensor::DeviceKind;
#[cfg(any(
    feature = "wgpu",
    feature = "vulkan",
    feature = "metal",
    feature = "webgpu",
    feature = "cuda",
    feature = "rocm"
))]
use burn::tensor::DeviceType;

/// The variable that names a device when the command line does not.
pub const DEVICE_VARIABLE: &str = "TINDERBOX_DEVICE";

/// All device names, the best device first.
const NAMES: [&str; 8] = [
    "cuda", "rocm", "metal", "vulkan", "webgpu", "wgpu", "flex", "ndarray",
];

/// A device that is not available.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// No device has this name.
    #[error(
        "no device is called '{name}'; there are {}, with an index where a machine has several: cuda:1, and those of other \
         machines: ws://ADDRESS:PORT",
        NAMES.join(", ")
    )]
    Unknown {
        /// The requested name.
        name: String,
    },
    /// The backend is not part of this program.
    #[error(
        "device '{name}' needs the backend '{backend}', which is not compiled in; add --features {backend}{}",
        compiled_hint()
    )]
    NotCompiled {
        /// The requested name.
        name: String,
        /// The feature to enable.
        backend: &'static str,
    },
    /// The backend is compiled in, but the hardware or its driver is missing.
    #[error(
        "device '{name}': {found} of its kind found on this machine; check the driver, or choose another device{}",
        compiled_hint()
    )]
    NotFound {
        /// The requested name.
        name: String,
        /// Number of devices of this backend on the machine.
        found: usize,
    },
    /// The only GPU is emulated by the CPU.
    #[error(
        "no GPU was found, only software rendering, which is slower than a CPU backend: build with --features flex, or select it explicitly with --device {name}"
    )]
    OnlySoftware {
        /// The backend of this device.
        name: &'static str,
    },
    /// A device of another machine that cannot be used, or one of this machine that cannot be offered.
    #[error("device '{address}': {reason}")]
    Remote {
        /// The address of the device.
        address: String,
        /// What is known.
        reason: String,
    },
    /// A file with the token for remote devices that cannot be used.
    #[error("the token of TINDERBOX_DEVICE_TOKEN_FILE, {}: {reason}", file.display())]
    Token {
        /// The file.
        file: std::path::PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A device that would be offered to a network without a token.
    #[error(
        "a device is offered at {address} only with a token, since others can reach it there: set TINDERBOX_DEVICE_TOKEN, \
         or TINDERBOX_DEVICE_TOKEN_FILE to the path of a file that has one; for this machine alone listen on 127.0.0.1"
    )]
    NoToken {
        /// The address to listen on.
        address: std::net::SocketAddr,
    },
    /// Several devices where one is needed.
    #[error("'{names}' names several devices, and one is needed here")]
    Several {
        /// The requested names.
        names: String,
    },
    /// No backend is compiled in, or none finds a device.
    #[error(
        "no backend that is compiled in finds a device; build with --features flex (CPU), or wgpu, vulkan, metal, webgpu, cuda, rocm (GPU)"
    )]
    NoBackend,
}

fn compiled_hint() -> String {
    match backends()[..] {
        [] => String::new(),
        ref names => format!(" (compiled in: {})", names.join(", ")),
    }
}

/// The names of the backends that are compiled in, the best first.
pub fn backends() -> Vec<&'static str> {
    NAMES.into_iter().filter(|name| compiled(name)).collect()
}

fn compiled(name: &str) -> bool {
    match name {
        "cuda" => cfg!(feature = "cuda"),
        "rocm" => cfg!(feature = "rocm"),
        "metal" => cfg!(feature = "metal"),
        "vulkan" => cfg!(feature = "vulkan"),
        "webgpu" => cfg!(feature = "webgpu"),
        "wgpu" => cfg!(any(
            feature = "wgpu",
            feature = "vulkan",
            feature = "metal",
            feature = "webgpu"
        )),
        "flex" => cfg!(feature = "flex"),
        "ndarray" => cfg!(feature = "ndarray"),
        _ => false,
    }
}

/// The requested device: `choice` if given, else the variable `TINDERBOX_DEVICE`, else
/// the best that is compiled in and present.
///
/// A graphics API that only renders in software (llvmpipe, SwiftShader, WARP) is slower than a CPU backend:
/// it is used only when it is named.
///
/// ```
/// let device = tinderbox::device(Some("flex")).unwrap();
/// assert!(tinderbox::device(Some("abacus")).unwrap_err().to_string().contains("no device"));
/// # let _ = device;
/// ```
///
/// # Errors
/// A name that no device has, a backend that is not compiled in, a device that is not there or refuses the
/// token; without a name, a machine on which every backend that is compiled in renders in software.
pub fn device(choice: Option<&str>) -> Result<Device, DeviceError> {
    let variable = std::env::var(DEVICE_VARIABLE).ok();
    match choice.or(variable.as_deref().filter(|name| !name.is_empty())) {
        Some(names) if names.contains(',') => Err(DeviceError::Several {
            names: names.into(),
        }),
        Some(name) => named(name),
        None => named(best(backends(), hardware)?),
    }
}

/// The requested devices, one or several names with commas between them, for
/// [`Trainer::devices`](crate::train::Trainer::devices); see [`device`]. The same one may be named twice.
///
/// # Errors
/// Those of [`device`], for any of the names.
pub fn devices(choice: Option<&str>) -> Result<Vec<Device>, DeviceError> {
    let variable = std::env::var(DEVICE_VARIABLE).ok();
    match choice.or(variable.as_deref().filter(|name| !name.is_empty())) {
        Some(names) => names.split(',').map(|name| named(name.trim())).collect(),
        None => Ok(vec![device(None)?]),
    }
}

/// The hardware of a backend.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Hardware {
    /// No device.
    Missing,
    /// A GPU that the CPU emulates.
    #[allow(dead_code)] // where no graphics API is compiled in
    Software,
    /// A GPU, or the CPU itself.
    Real,
}

/// The first backend with real hardware.
fn best(
    names: impl IntoIterator<Item = &'static str>,
    hardware: impl Fn(&str) -> Hardware,
) -> Result<&'static str, DeviceError> {
    let mut software = None;
    for name in names {
        match hardware(name) {
            Hardware::Real => return Ok(name),
            Hardware::Software => software = software.or(Some(name)),
            Hardware::Missing => {}
        }
    }
    Err(match software {
        Some(name) => DeviceError::OnlySoftware { name },
        None => DeviceError::NoBackend,
    })
}

/// The hardware that a compiled-in backend finds on this machine.
fn hardware(name: &str) -> Hardware {
    match name {
        #[cfg(any(
            feature = "wgpu",
            feature = "vulkan",
            feature = "metal",
            feature = "webgpu"
        ))]
        "wgpu" => adapters(DeviceType::Wgpu, Device::wgpu),
        #[cfg(feature = "vulkan")]
        "vulkan" => adapters(DeviceType::Vulkan, Device::vulkan),
        #[cfg(feature = "metal")]
        "metal" => adapters(DeviceType::Metal, Device::metal),
        #[cfg(feature = "webgpu")]
        "webgpu" => adapters(DeviceType::WebGpu, Device::webgpu),
        _ => match named(name) {
            Ok(_) => Hardware::Real,
            Err(_) => Hardware::Missing,
        },
    }
}

/// The hardware behind the adapters of a graphics API.
#[cfg(any(
    feature = "wgpu",
    feature = "vulkan",
    feature = "metal",
    feature = "webgpu"
))]
fn adapters(kind: DeviceType, open: fn(DeviceKind) -> Device) -> Hardware {
    let found = found(kind);
    let software = open(DeviceKind::Cpu);
    match found.iter().any(|device| *device != software) {
        true => Hardware::Real,
        false if found.is_empty() => Hardware::Missing,
        false => Hardware::Software,
    }
}

fn named(choice: &str) -> Result<Device, DeviceError> {
    if choice.starts_with("ws://") {
        #[cfg(feature = "remote")]
        return remote::connect(choice);
        #[cfg(not(feature = "remote"))]
        return Err(DeviceError::NotCompiled {
            name: choice.into(),
            backend: "remote",
        });
    }
    let (name, index) = match choice.split_once(':') {
        Some((name, index)) => (name, Some(index.parse::<usize>())),
        None => (choice, None),
    };
    let unknown = || DeviceError::Unknown {
        name: choice.to_string(),
    };
    let index = index.transpose().map_err(|_| unknown())?;
    let backend = NAMES.into_iter().find(|known| *known == name);
    let backend = backend.ok_or_else(unknown)?;
    if !compiled(backend) {
        return Err(DeviceError::NotCompiled {
            name: choice.to_string(),
            backend,
        });
    }
    if matches!(backend, "flex" | "ndarray") && index.is_some_and(|index| index > 0) {
        return Err(DeviceError::NotFound {
            name: choice.to_string(),
            found: 1,
        });
    }
    open(backend, index).map_err(|found| DeviceError::NotFound {
        name: choice.to_string(),
        found,
    })
}

/// Opens a device of a backend that is compiled in; the error is the number of devices.
fn open(backend: &str, index: Option<usize>) -> Result<Device, usize> {
    let _ = index;
    match backend {
        #[cfg(feature = "flex")]
        "flex" => Ok(Device::flex()),
        // Deprecated by Burn, and kept here as long as Burn has it.
        #[cfg(feature = "ndarray")]
        #[allow(deprecated)]
        "ndarray" => Ok(Device::ndarray()),
        #[cfg(feature = "cuda")]
        "cuda" => nth::<usize>(DeviceType::Cuda, index, None),
        #[cfg(feature = "rocm")]
        "rocm" => nth::<usize>(DeviceType::Rocm, index, None),
        #[cfg(any(
            feature = "wgpu",
            feature = "vulkan",
            feature = "metal",
            feature = "webgpu"
        ))]
        "wgpu" => nth(DeviceType::Wgpu, index, Some(Device::wgpu)),
        #[cfg(feature = "vulkan")]
        "vulkan" => nth(DeviceType::Vulkan, index, Some(Device::vulkan)),
        #[cfg(feature = "metal")]
        "metal" => nth(DeviceType::Metal, index, Some(Device::metal)),
        #[cfg(feature = "webgpu")]
        "webgpu" => nth(DeviceType::WebGpu, index, Some(Device::webgpu)),
        _ => Err(0),
    }
}

/// The device with this index among those of its kind, or the one that the backend prefers.
#[cfg(any(
    feature = "wgpu",
    feature = "vulkan",
    feature = "metal",
    feature = "webgpu",
    feature = "cuda",
    feature = "rocm"
))]
fn nth<K: Default>(
    kind: DeviceType,
    index: Option<usize>,
    preferred: Option<fn(K) -> Device>,
) -> Result<Device, usize> {
    let found = found(kind);
    match (index, preferred) {
        _ if found.is_empty() => Err(0),
        (None, Some(open)) => Ok(open(K::default())),
        (index, _) => {
            let count = found.len();
            found.into_iter().nth(index.unwrap_or(0)).ok_or(count)
        }
    }
}

/// The devices of a kind on this machine.
#[cfg(any(
    feature = "wgpu",
    feature = "vulkan",
    feature = "metal",
    feature = "webgpu",
    feature = "cuda",
    feature = "rocm"
))]
fn found(kind: DeviceType) -> Vec<Device> {
    // A missing driver makes some backends panic while they look for devices.
    let found = std::panic::catch_unwind(|| Device::enumerate(kind).into_vec());
    found.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("abacus")]
    #[case("cuda:x")]
    #[case("")]
    fn unknown_names_list_the_known_ones(#[case] name: &str) {
        let error = named(name).unwrap_err().to_string();
        assert!(error.contains("cuda, rocm, metal, vulkan"), "{error}");
    }

    #[test]
    fn a_backend_that_is_not_compiled_in_names_its_feature() {
        // No test is built with the CUDA backend: it needs the CUDA toolkit.
        if !cfg!(feature = "cuda") {
            let error = named("cuda:1").unwrap_err().to_string();
            assert!(error.contains("--features cuda"), "{error}");
            assert!(error.contains("compiled in: "), "{error}");
        }
    }

    #[test]
    #[cfg(not(feature = "remote"))]
    fn a_remote_device_names_its_feature() {
        let error = named("ws://127.0.0.1:3000").unwrap_err().to_string();
        assert!(error.contains("--features remote"), "{error}");
    }

    #[test]
    fn the_cpu_has_one_device() {
        for name in backends() {
            if matches!(name, "flex" | "ndarray") {
                assert!(named(name).is_ok());
                assert!(named(&format!("{name}:0")).is_ok());
                let error = named(&format!("{name}:3")).unwrap_err().to_string();
                assert!(error.contains("1 of its kind"), "{error}");
            }
        }
    }

    #[test]
    fn without_a_choice_there_is_a_device() {
        assert!(device(None).is_ok());
    }

    #[test]
    fn a_list_names_several_devices() {
        let Some(name) = backends().pop() else { return };
        assert_eq!(devices(Some(&format!("{name}, {name}"))).unwrap().len(), 2);
        assert_eq!(devices(None).unwrap().len(), 1);
        assert!(devices(Some(&format!("{name},"))).is_err());
        let error = device(Some("flex,flex")).unwrap_err().to_string();
        assert!(error.contains("one is needed here"), "{error}");
    }

    #[rstest]
    #[case(&[("vulkan", Hardware::Software), ("wgpu", Hardware::Software), ("flex", Hardware::Real)], Ok("flex"))]
    #[case(&[("cuda", Hardware::Missing), ("wgpu", Hardware::Real), ("flex", Hardware::Real)], Ok("wgpu"))]
    #[case(&[("vulkan", Hardware::Missing), ("wgpu", Hardware::Software)], Err(DeviceError::OnlySoftware { name: "wgpu" }))]
    #[case(&[("cuda", Hardware::Missing)], Err(DeviceError::NoBackend))]
    #[case(&[], Err(DeviceError::NoBackend))]
    fn software_rendering_is_never_chosen_unasked(
        #[case] machine: &'static [(&'static str, Hardware)],
        #[case] expected: Result<&'static str, DeviceError>,
    ) {
        let hardware = |name: &str| {
            let found = machine.iter().find(|(known, _)| *known == name);
            found.unwrap().1
        };
        let names = machine.iter().map(|(name, _)| *name);
        assert_eq!(best(names, hardware), expected);
    }
}
