/// Declares settings: a struct whose fields have defaults, and a setter of the same name for each.
///
/// A setting that is left out of a saved configuration has its default; an unknown one is an error.
macro_rules! settings {
    ($(#[$meta:meta])* $name:ident {
        $($(#[doc = $doc:literal])+ $field:ident: $type:ty = $default:expr,)+
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        #[non_exhaustive]
        pub struct $name {
            $(
                $(#[doc = $doc])+
                #[doc = concat!("\n\nDefault: `", stringify!($default), "`.")]
                pub $field: $type,
            )+
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }

        impl $name {
            $(
                $(#[doc = $doc])+
                #[doc = concat!("\n\nDefault: `", stringify!($default), "`.")]
                pub fn $field(mut self, $field: $type) -> Self {
                    self.$field = $field;
                    self
                }
            )+
        }
    };
}

/// Makes settings those of an optimizer: a variant of `OptimizerConfig`, and `build`.
macro_rules! optimizer_settings {
    ($name:ident, $variant:ident) => {
        impl $name {
            /// Checks the settings and builds an optimizer for a whole module.
            ///
            /// # Errors
            /// Those of [`OptimizerConfig::check`](crate::OptimizerConfig::check).
            pub fn build(&self) -> crate::Result<crate::ModuleOptimizer> {
                crate::OptimizerConfig::from(self.clone()).build()
            }
        }

        impl From<$name> for crate::OptimizerConfig {
            fn from(settings: $name) -> Self {
                Self::$variant(settings)
            }
        }
    };
}

pub(crate) use {optimizer_settings, settings};
