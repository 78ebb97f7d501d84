//! `config.json`: the sizes of a model, and the settings that must be as this crate has them.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tinderbox_models::{BertActivation, BertConfig, GptConfig, LanguageModelConfig, LlamaConfig};

use super::{PretrainedError, read_json};

/// A configuration by family.
pub(super) enum Family {
    Bert(BertConfig),
    Language(LanguageModelConfig),
}

/// The configuration of a file.
pub(super) fn read_config(path: &Path) -> Result<Family, PretrainedError> {
    let fields: Map<String, Value> = read_json(path)?;
    let fields = Fields { path, fields };
    let family: String = fields.required("model_type")?;
    match family.as_str() {
        "bert" => bert(&fields).map(Family::Bert),
        "gpt2" => gpt2(&fields).map(|config| Family::Language(LanguageModelConfig::Gpt(config))),
        "llama" => {
            llama(&fields).map(|config| Family::Language(LanguageModelConfig::Llama(config)))
        }
        _ => Err(PretrainedError::Family {
            path: path.to_owned(),
            found: family,
        }),
    }
}

struct Fields<'a> {
    path: &'a Path,
    fields: Map<String, Value>,
}

impl Fields<'_> {
    /// The value of a field; `None` for one that is not there or null.
    fn optional<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, PretrainedError> {
        let value = self.fields.get(name).cloned().unwrap_or(Value::Null);
        serde_json::from_value(value).map_err(|error| PretrainedError::File {
            path: self.path.to_owned(),
            problem: format!("the field {name:?}: {error}"),
        })
    }

    fn required<T: DeserializeOwned>(&self, name: &str) -> Result<T, PretrainedError> {
        self.optional(name)?.ok_or_else(|| PretrainedError::File {
            path: self.path.to_owned(),
            problem: format!("the field {name:?} is missing; take the config.json of the model"),
        })
    }

    /// Refuses a setting that is there and has none of these values.
    fn one_of(
        &self,
        field: &'static str,
        allowed: &[Value],
        supported: &'static str,
    ) -> Result<(), PretrainedError> {
        match self.fields.get(field) {
            Some(value) if !value.is_null() && !allowed.contains(value) => {
                Err(PretrainedError::Setting {
                    path: self.path.to_owned(),
                    field,
                    value: value.to_string(),
                    supported,
                })
            }
            _ => Ok(()),
        }
    }
}

fn bert(fields: &Fields) -> Result<BertConfig, PretrainedError> {
    let functions = ["gelu".into(), "relu".into()];
    fields.one_of("hidden_act", &functions, "gelu or relu")?;
    let activation = match fields.optional::<String>("hidden_act")?.as_deref() {
        Some("relu") => BertActivation::Relu,
        _ => BertActivation::Gelu,
    };
    fields.one_of("position_embedding_type", &["absolute".into()], "absolute")?;
    fields.one_of("is_decoder", &[false.into()], "false")?;
    Ok(BertConfig {
        vocabulary: fields.required("vocab_size")?,
        context: fields.required("max_position_embeddings")?,
        types: fields.required("type_vocab_size")?,
        size: fields.required("hidden_size")?,
        feed_forward: fields.required("intermediate_size")?,
        heads: fields.required("num_attention_heads")?,
        layers: fields.required("num_hidden_layers")?,
        dropout: fields.optional("hidden_dropout_prob")?.unwrap_or(0.1),
        epsilon: fields.optional("layer_norm_eps")?.unwrap_or(1e-12),
        // Known from the weights.
        pooler: false,
        activation,
        embedding_norm: true,
        initializer_range: fields.optional("initializer_range")?.unwrap_or(0.02),
    })
}

fn gpt2(fields: &Fields) -> Result<GptConfig, PretrainedError> {
    let tanh = ["gelu_new".into(), "gelu_pytorch_tanh".into()];
    fields.one_of("activation_function", &tanh, "gelu_new")?;
    let size: usize = fields.required("n_embd")?;
    fields.one_of("n_inner", &[(4 * size).into()], "4 x n_embd")?;
    fields.one_of("scale_attn_weights", &[true.into()], "true")?;
    fields.one_of("scale_attn_by_inverse_layer_idx", &[false.into()], "false")?;
    fields.one_of("tie_word_embeddings", &[true.into()], "true")?;
    Ok(GptConfig {
        vocabulary: fields.required("vocab_size")?,
        context: fields.required("n_positions")?,
        size,
        heads: fields.required("n_head")?,
        layers: fields.required("n_layer")?,
        dropout: fields.optional("resid_pdrop")?.unwrap_or(0.1),
        epsilon: fields.optional("layer_norm_epsilon")?.unwrap_or(1e-5),
    })
}

fn llama(fields: &Fields) -> Result<LlamaConfig, PretrainedError> {
    fields.one_of("hidden_act", &["silu".into()], "silu")?;
    fields.one_of("attention_bias", &[false.into()], "false")?;
    fields.one_of("mlp_bias", &[false.into()], "false")?;
    fields.one_of("rope_scaling", &[], "null: plain rotary positions")?;
    let size: usize = fields.required("hidden_size")?;
    let heads: usize = fields.required("num_attention_heads")?;
    let part = size / heads.max(1);
    fields.one_of(
        "head_dim",
        &[part.into()],
        "hidden_size / num_attention_heads",
    )?;
    // Newer files keep the rotary settings together.
    let rotary: Option<Map<String, Value>> = fields.optional("rope_parameters")?;
    let rotary = Fields {
        path: fields.path,
        fields: rotary.unwrap_or_default(),
    };
    rotary.one_of(
        "rope_type",
        &["default".into()],
        "default: plain rotary positions",
    )?;
    let base = match rotary.optional("rope_theta")? {
        Some(base) => Some(base),
        None => fields.optional("rope_theta")?,
    };
    Ok(LlamaConfig {
        vocabulary: fields.required("vocab_size")?,
        context: fields.required("max_position_embeddings")?,
        size,
        feed_forward: fields.required("intermediate_size")?,
        heads,
        key_value_heads: fields.optional("num_key_value_heads")?.unwrap_or(heads),
        layers: fields.required("num_hidden_layers")?,
        rotary_base: base.unwrap_or(10_000.0),
        epsilon: fields.optional("rms_norm_eps")?.unwrap_or(1e-6),
        tied: fields.optional("tie_word_embeddings")?.unwrap_or(false),
    })
}
