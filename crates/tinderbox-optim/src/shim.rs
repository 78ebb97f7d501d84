#![allow(missing_docs)]
use burn::module::Module;
use burn::optim::{AdamConfig, ModuleOptimizer, SgdConfig};
use crate::Result;
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum OptimizerConfig { #[default] Sgd, Adam }
impl OptimizerConfig {
    pub fn check(&self) -> Result<()> { Ok(()) }
    pub fn by_name(n: &str) -> Result<Self> { Ok(if n == "adam" { Self::Adam } else { Self::Sgd }) }
    pub fn build(&self) -> Result<ModuleOptimizer> { Ok(match self { Self::Sgd => SgdConfig::new().init(), Self::Adam => AdamConfig::new().init() }) }
}
pub fn save_state<M: Module>(o: &ModuleOptimizer, _m: &M) -> Result<Vec<u8>> { Ok(o.into_bytes().unwrap().to_vec()) }
pub fn load_state<M: Module>(o: ModuleOptimizer, b: &[u8], _m: &M) -> Result<ModuleOptimizer> { Ok(o.from_bytes(burn::tensor::Bytes::from_bytes_vec(b.to_vec())).unwrap()) }
