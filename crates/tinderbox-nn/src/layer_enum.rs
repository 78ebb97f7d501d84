/// Declares an enum of modules that adds nothing to the names in a state dict.
///
/// Burn's derived enums add the name of the variant to the path of a parameter
/// (`features.0.Conv.weight`); PyTorch has no such names. Each variant holds one module.
///
/// ```
/// use burn::nn::{BatchNorm, conv::Conv2d};
///
/// tinderbox_nn::layer_enum! {
///     /// The layers of a feature extractor.
///     pub enum Part { Conv(Conv2d), Norm(BatchNorm) }
/// }
/// ```
#[macro_export]
macro_rules! layer_enum {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($variant:ident($module:ty)),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        #[allow(missing_docs, clippy::large_enum_variant)]
        $vis enum $name { $($variant($module)),+ }

        impl burn::module::Module for $name {
            fn collect_devices(&self, devices: burn::module::Devices) -> burn::module::Devices {
                match self { $(Self::$variant(part) => burn::module::Module::collect_devices(part, devices)),+ }
            }

            fn fork(self, device: &burn::tensor::Device) -> Self {
                match self { $(Self::$variant(part) => Self::$variant(burn::module::Module::fork(part, device))),+ }
            }

            fn to_device(self, device: &burn::tensor::Device) -> Self {
                match self { $(Self::$variant(part) => Self::$variant(burn::module::Module::to_device(part, device))),+ }
            }

            fn train(self) -> Self {
                match self { $(Self::$variant(part) => Self::$variant(burn::module::Module::train(part))),+ }
            }

            fn valid(&self) -> Self {
                match self { $(Self::$variant(part) => Self::$variant(burn::module::Module::valid(part))),+ }
            }

            fn materialize(self) -> Self {
                match self { $(Self::$variant(part) => Self::$variant(burn::module::Module::materialize(part))),+ }
            }

            fn visit<V: burn::module::ModuleVisitor>(&self, visitor: &mut V) {
                match self { $(Self::$variant(part) => burn::module::Module::visit(part, visitor)),+ }
            }

            fn map<P: burn::module::ModuleMapper>(self, mapper: &mut P) -> Self {
                match self { $(Self::$variant(part) => Self::$variant(burn::module::Module::map(part, mapper))),+ }
            }
        }

        impl burn::module::ModuleDisplayDefault for $name {
            fn content(&self, content: burn::module::Content) -> Option<burn::module::Content> {
                match self { $(Self::$variant(part) => content.add_single(part).optional()),+ }
            }
        }

        impl burn::module::ModuleDisplay for $name {}
    };
}
