use std::cell::Cell;
use std::sync::{Mutex, PoisonError};

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Bool, Device, Int, Tensor};
use tinderbox_core::Seed;

/// A module of Burn's layers whose initial weights are a function of the seed.
///
/// Burn draws initial weights from one generator of the process, when they are first read, so that the
/// same program has different weights at each start. Here every parameter is drawn at once, with the
/// initializer of its layer, from a seed of its own: that of its path in the module. Draws of `build`
/// itself (`Tensor::random`) come from the seed too.
///
/// The bits are those of the device's backend: the same on `flex` and `ndarray`, on any thread and
/// together with other calls of this function; a GPU draws different ones. They are drawn by Burn's own
/// generator, so code on another thread that draws from it at the same moment without
/// [`seed_backend`] (such as Burn's own `Dropout`) can change them; the layers of this crate do not.
///
/// ```
/// use burn::nn::LinearConfig;
/// use burn::tensor::Device;
/// use tinderbox_core::Seed;
/// use tinderbox_nn::seeded;
///
/// let device = Device::flex();
/// let draw = |seed| seeded(Seed::new(seed), &device, |device| LinearConfig::new(4, 2).init(device));
/// assert_eq!(draw(1).weight.val().into_data(), draw(1).weight.val().into_data());
/// assert_ne!(draw(1).weight.val().into_data(), draw(2).weight.val().into_data());
/// ```
pub fn seeded<M: Module>(seed: Seed, device: &Device, build: impl FnOnce(&Device) -> M) -> M {
    exclusively(|| {
        device.seed(seed.child("module").value());
        let module = build(device);
        module.visit(&mut Draw {
            seed,
            path: Vec::new(),
        });
        module
    })
}

/// Seeds the generator of Burn's own layers on this device; waits while another thread draws initial
/// weights in [`seeded`].
pub fn seed_backend(device: &Device, seed: Seed) {
    exclusively(|| device.seed(seed.value()));
}

/// Locked by the thread that seeds Burn's generator and draws from it.
static GENERATOR: Mutex<()> = Mutex::new(());

thread_local! {
    /// Whether this thread has the lock: `build` may call `seeded` itself.
    static LOCKED: Cell<bool> = const { Cell::new(false) };
}

fn exclusively<R>(draw: impl FnOnce() -> R) -> R {
    struct Release;

    impl Drop for Release {
        fn drop(&mut self) {
            LOCKED.set(false);
        }
    }

    if LOCKED.get() {
        return draw();
    }
    // The lock protects no data that a panic could leave half-written.
    let _lock = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    LOCKED.set(true);
    let _release = Release;
    draw()
}

/// Draws the parameters that are not drawn yet.
struct Draw {
    seed: Seed,
    path: Vec<String>,
}

impl Draw {
    fn seed_device(&self, device: &Device) {
        device.seed(self.seed.child(&self.path.join(".")).value());
    }
}

impl ModuleVisitor for Draw {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !param.is_initialized() {
            self.seed_device(&param.lazy_device());
            param.base();
        }
    }

    fn visit_int<const D: usize>(&mut self, param: &Param<Tensor<D, Int>>) {
        if !param.is_initialized() {
            self.seed_device(&param.lazy_device());
            param.base();
        }
    }

    fn visit_bool<const D: usize>(&mut self, param: &Param<Tensor<D, Bool>>) {
        if !param.is_initialized() {
            self.seed_device(&param.lazy_device());
            param.base();
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::nn::attention::{MultiHeadAttention, MultiHeadAttentionConfig};
    use burn::nn::conv::{Conv2d, Conv2dConfig};
    use burn::nn::{
        BatchNorm, BatchNormConfig, Embedding, EmbeddingConfig, Initializer, Linear, LinearConfig,
        Lstm, LstmConfig,
    };
    use burn::tensor::Distribution;

    use super::*;

    /// Layers of Burn with its own dropout, and a parameter that is drawn while the module is built.
    #[derive(Module, Debug)]
    struct Net {
        words: Embedding,
        attention: MultiHeadAttention,
        memory: Lstm,
        picture: Conv2d,
        norm: BatchNorm,
        head: Linear,
        token: Param<Tensor<2>>,
    }

    fn net(device: &Device) -> Net {
        let normal = Initializer::Normal {
            mean: 1.0,
            std: 0.01,
        };
        Net {
            words: EmbeddingConfig::new(5, 8).init(device),
            attention: MultiHeadAttentionConfig::new(8, 2).init(device),
            memory: LstmConfig::new(8, 4, true).init(device),
            picture: Conv2dConfig::new([1, 4], [3, 3]).init(device),
            norm: BatchNormConfig::new(4).init(device),
            head: LinearConfig::new(64, 64)
                .with_initializer(normal)
                .init(device),
            token: Param::from_tensor(Tensor::random([1, 8], Distribution::Default, device)),
        }
    }

    fn bits<M: Module>(module: &M) -> Vec<Vec<u32>> {
        #[derive(Default)]
        struct Bits(Vec<Vec<u32>>);

        impl ModuleVisitor for Bits {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                let numbers = param.val().try_into_vec_as::<f32>().unwrap();
                self.0.push(numbers.into_iter().map(f32::to_bits).collect());
            }
        }

        let mut bits = Bits::default();
        module.visit(&mut bits);
        bits.0
    }

    fn drawn(seed: u64, device: &Device) -> Vec<Vec<u32>> {
        bits(&seeded(Seed::new(seed), device, net))
    }

    #[test]
    fn the_same_seed_gives_the_same_bits_on_every_thread_and_backend() {
        let device = Device::flex();
        let expected = drawn(1, &device);
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|thread| {
                    let (device, expected) = (&device, &expected);
                    scope.spawn(move || {
                        for _ in 0..10 {
                            // As a training run on another thread does before every step.
                            seed_backend(device, Seed::new(thread));
                            assert!(&drawn(1, device) == expected);
                        }
                    })
                })
                .collect();
            for thread in threads {
                thread.join().unwrap();
            }
        });
        #[allow(deprecated)] // the feature `ndarray` is ours to keep
        let other = Device::ndarray();
        assert!(drawn(1, &other) == expected);
        assert!(drawn(1, &device.autodiff()) == expected);
        let another = drawn(2, &other);
        let same = expected.iter().zip(&another).filter(|(a, b)| a == b);
        // Batch norm: weight, bias, mean and variance, the bias of the convolution and of the head
        // start at fixed numbers or are drawn.
        assert!(same.count() < expected.len() / 2, "the seed decides");
    }

    #[test]
    fn initializers_keep_their_distribution() {
        let head = seeded(Seed::new(3), &Device::flex(), net).head;
        let weights = head.weight.val().try_into_vec_as::<f32>().unwrap();
        let mean = weights.iter().sum::<f32>() / weights.len() as f32;
        let squares = weights.iter().map(|w| (w - mean).powi(2)).sum::<f32>();
        let deviation = (squares / weights.len() as f32).sqrt();
        // Five standard errors of 4,096 draws of N(1, 0.01).
        assert!((mean - 1.0).abs() < 8e-4, "{mean}");
        assert!((deviation - 0.01).abs() < 6e-4, "{deviation}");
    }

    #[test]
    fn layers_of_one_shape_differ_and_a_layer_keeps_its_weights() {
        #[derive(Module, Debug)]
        struct Two {
            a: Linear,
            b: Linear,
        }

        #[derive(Module, Debug)]
        struct One {
            b: Linear,
        }

        let device = Device::flex();
        let linear = |device: &Device| LinearConfig::new(3, 3).init(device);
        let two = seeded(Seed::new(1), &device, |device| Two {
            a: linear(device),
            b: linear(device),
        });
        let one = seeded(Seed::new(1), &device, |device| One { b: linear(device) });
        assert_ne!(bits(&two.a), bits(&two.b));
        assert_eq!(bits(&one.b), bits(&two.b));
        // A part may be seeded on its own.
        let nested = seeded(Seed::new(1), &device, |device| Two {
            a: seeded(Seed::new(9), device, linear),
            b: linear(device),
        });
        assert_eq!(bits(&nested.b), bits(&two.b));
        assert_eq!(
            bits(&nested.a),
            bits(&seeded(Seed::new(9), &device, linear))
        );
    }
}
