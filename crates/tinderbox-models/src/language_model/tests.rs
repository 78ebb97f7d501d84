use burn::tensor::TensorData;
use tinderbox_nn::{count_parameters, parameters};

use super::*;

const SEED: Seed = Seed::new(5);

fn tokens(batch: usize, steps: usize, device: &Device) -> Tensor<2, Int> {
    let ids: Vec<i32> = (0..(batch * steps) as i32).map(|id| id * 7 % 11).collect();
    Tensor::from_data(TensorData::new(ids, [batch, steps]), device)
}

/// Decoder-only Transformers with a context of 8.
fn transformers() -> [LanguageModelConfig; 2] {
    [
        LanguageModelConfig::Gpt(GptConfig {
            context: 8,
            size: 12,
            heads: 3,
            layers: 2,
            ..GptConfig::small(11)
        }),
        LanguageModelConfig::Llama(LlamaConfig {
            context: 8,
            size: 16,
            feed_forward: 20,
            heads: 4,
            layers: 2,
            tied: false,
            ..LlamaConfig::small(11)
        }),
    ]
}

#[test]
fn every_name_gives_its_model_and_recurrent_ones_are_of_the_course_s_size() {
    let device = Device::flex();
    let counts = [
        80_412, 226_844, 300_060, 826_396, 2_177_052, 805_120, 742_016,
    ];
    for (name, count) in LanguageModelConfig::NAMES.into_iter().zip(counts) {
        let config = LanguageModelConfig::by_name(name, 28).unwrap();
        let text = serde_json::to_string(&config).unwrap();
        let read: LanguageModelConfig = serde_json::from_str(&text).unwrap();
        assert_eq!(read, config);
        let model = config.init(SEED, &device).unwrap();
        assert_eq!(count_parameters(&model), count, "{name}");
        let all = tokens(2, 6, &device);
        let (first, state) = model.forward(all.clone().narrow(1, 0, 4), None);
        let (second, _) = model.forward(all.narrow(1, 4, 2), Some(state));
        assert_eq!((first.dims(), second.dims()), ([2, 4, 28], [2, 2, 28]));
        assert_eq!(model.vocabulary(), 28);
        let small = config.hidden(16).init(SEED, &device).unwrap();
        assert!(count_parameters(&small) < count / 5, "{name}");
    }
}

#[test]
fn gpt_2_has_its_published_size_and_names() {
    let config = GptConfig {
        context: 1024,
        size: 768,
        heads: 12,
        layers: 12,
        ..GptConfig::small(50_257)
    };
    let model = config.init(SEED, &Device::flex()).unwrap();
    assert_eq!(count_parameters(&model), 124_439_808);
    let names: Vec<_> = parameters(&model).into_iter().map(|p| p.path).collect();
    assert_eq!(names[..2], ["wte.weight", "wpe.weight"]);
    for name in [
        "h.11.attn.c_attn.bias",
        "h.0.mlp.c_proj.weight",
        "h.3.ln_2.gamma",
    ] {
        assert!(names.iter().any(|path| path == name), "{name}: {names:?}");
    }
}

#[test]
fn llama_2_has_its_published_size() {
    let config = LlamaConfig {
        context: 4096,
        size: 4096,
        feed_forward: 11_008,
        heads: 32,
        key_value_heads: 32,
        layers: 32,
        tied: false,
        ..LlamaConfig::small(32_000)
    };
    let model = config.init(SEED, &Device::flex()).unwrap();
    assert_eq!(count_parameters(&model), 6_738_415_616);
}

#[test]
fn every_parameter_has_a_gradient_and_the_first_loss_is_that_of_guessing() {
    let device = Device::flex().autodiff();
    for config in transformers() {
        let model = config.init(SEED, &device).unwrap();
        let (logits, _) = model.forward(tokens(3, 8, &device), None);
        assert_eq!(logits.dims(), [3, 8, 11]);
        // Other tokens than the inputs, which tied weights favor a little.
        let targets = tokens(3, 8, &device).add_scalar(5).remainder_scalar(11);
        let targets = targets.reshape([24]);
        let loss = tinderbox_nn::cross_entropy(logits.reshape([24, 11]), targets, 0.0);
        let first: f64 = loss.clone().into_scalar();
        assert!((first - 11f64.ln()).abs() < 0.1, "{first}");
        let gradients = burn::optim::GradientsParams::from_grads(loss.backward(), &model);
        assert_eq!(gradients.len(), parameters(&model).len());
    }
}

#[test]
fn tokens_one_by_one_give_the_logits_of_all_at_once_and_none_sees_the_future() {
    let device = Device::flex();
    for config in transformers() {
        let model = config.init(SEED, &device).unwrap();
        let all = tokens(2, 8, &device);
        let (whole, _) = model.forward(all.clone(), None);
        let mut state = None;
        let mut parts = Vec::new();
        for (from, count) in [(0, 3), (3, 1), (4, 1), (5, 3)] {
            let (logits, after) = model.forward(all.clone().narrow(1, from, count), state);
            parts.push(logits);
            state = Some(after);
        }
        let distance: f32 = (Tensor::cat(parts, 1) - whole).abs().max().into_scalar();
        assert!(distance < 1e-5, "{distance}");
    }
}

#[test]
fn beyond_the_context_the_last_half_is_read_again() {
    let device = Device::flex();
    for config in transformers() {
        let model = config.init(SEED, &device).unwrap();
        let all = tokens(1, 21, &device);
        let (logits, state) = model.forward(all.clone(), None);
        assert_eq!(logits.dims(), [1, 21, 11]);
        // 8 tokens; 4 again and 4 new, three times; 4 again and 1 new.
        assert_eq!(state.attention().unwrap().steps(), 5);
        let (last, _) = model.forward(all.narrow(1, 16, 5), None);
        let distance = (logits.narrow(1, 20, 1) - last.narrow(1, 4, 1)).abs().max();
        let distance: f32 = distance.into_scalar();
        assert!(distance < 1e-5, "{distance}");
    }
}

#[test]
fn other_names_and_sizes_that_do_not_fit_are_refused() {
    let error = LanguageModelConfig::by_name("lstn", 28).unwrap_err();
    assert!(
        error.to_string().contains("did you mean one of lstm"),
        "{error}"
    );
    let wrong = |config: LanguageModelConfig| {
        let model = config.init(Seed::new(0), &Device::flex());
        model.err().unwrap().to_string()
    };
    for mut config in transformers() {
        let error = wrong(config.clone().hidden(13));
        assert!(
            error.contains("heads") && error.contains("divide"),
            "{error}"
        );
        *config.context_mut().unwrap() = 0;
        let error = wrong(config);
        assert!(error.contains("context is 0"), "{error}");
    }
    let gpt = GptConfig::small(28);
    let error = wrong(LanguageModelConfig::Gpt(GptConfig {
        dropout: 1.0,
        ..gpt
    }));
    assert!(error.contains("dropout"), "{error}");
    let llama = LlamaConfig {
        key_value_heads: 3,
        ..LlamaConfig::small(28)
    };
    let error = wrong(LanguageModelConfig::Llama(llama));
    assert!(error.contains("key_value_heads is 3"), "{error}");
}
