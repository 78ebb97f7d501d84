use burn::module::Module;
use burn::module::{ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::store::ModuleRecord;
use burn::tensor::TensorData;
use tinderbox_nn::{count_parameters, parameters};

use super::*;

const SEED: Seed = Seed::new(5);
/// The vocabularies of the course's 600 pairs (which are 601).
const TOKENS: [usize; 2] = [184, 201];

/// Every model, of fewer tokens.
fn small() -> impl Iterator<Item = (&'static str, TranslationConfig)> {
    let configs = TranslationConfig::NAMES.iter();
    configs.map(|name| (*name, TranslationConfig::by_name(name, 9, 11).unwrap()))
}

/// Ids that differ from place to place, `[2, steps]`.
fn tokens(steps: usize, below: i32, device: &Device) -> Tensor<2, Int> {
    let ids: Vec<i32> = (0..2 * steps as i32)
        .map(|i| (i * i + 3 * i) % below)
        .collect();
    Tensor::from_data(TensorData::new(ids, [2, steps]), device)
}

fn lengths(of: [i32; 2], device: &Device) -> Tensor<1, Int> {
    Tensor::from_data(of, device)
}

/// Logits of a whole translation.
fn logits(model: &Translator, of: [i32; 2], steps: usize) -> Decoded<TranslatorState> {
    let device = Device::flex();
    let state = model.encode(tokens(6, 9, &device), lengths(of, &device));
    model.decode(tokens(steps, 11, &device), state)
}

fn distance<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> f32 {
    (a - b).abs().max().into_scalar()
}

#[derive(Default)]
struct Numbers(Vec<f32>);

impl ModuleVisitor for Numbers {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.extend(param.val().into_data().iter::<f32>());
    }
}

/// The course's architectures: 5,888 + 6,432 numbers of embeddings, 12,672 of the encoder, 15,744 of the
/// decoder, 6,633 of the output layer, and 2,080 of the attention.
#[test]
fn parameters_are_those_of_the_course() {
    for (name, count) in [
        ("gru", 47_369),
        ("bahdanau", 49_449),
        ("transformer", 61_705),
    ] {
        let config = TranslationConfig::by_name(name, TOKENS[0], TOKENS[1]).unwrap();
        let model = config.init(SEED, &Device::flex()).unwrap();
        assert_eq!(count_parameters(&model), count, "{name}");
        let text = serde_json::to_string(&config).unwrap();
        assert!(text.contains(&format!("\"family\":\"{name}\"")), "{text}");
        let read: TranslationConfig = serde_json::from_str(&text).unwrap();
        assert_eq!(read, config);
    }
}

/// Checks that every parameter has a finite gradient.
struct Finite<'a>(&'a GradientsParams, f64);

impl ModuleVisitor for Finite<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = self.0.get::<D>(param.id).expect("a gradient");
        let square: f64 = gradient.powi_scalar(2).sum().into_scalar();
        assert!(square.is_finite());
        self.1 += square;
    }
}

#[test]
fn every_model_has_logits_attention_and_a_finite_gradient_for_every_parameter() {
    let device = Device::flex().autodiff();
    for (name, config) in small() {
        let model = config.init(SEED, &device).unwrap();
        let state = model.encode(tokens(6, 9, &device), lengths([6, 0], &device));
        let decoded = model.decode(tokens(4, 11, &device), state);
        assert_eq!(decoded.logits.dims(), [2, 4, 11], "{name}");
        let shapes: Vec<[usize; 4]> = decoded.attention.iter().map(Tensor::dims).collect();
        let expected: &[[usize; 4]] = match name {
            "gru" => &[],
            "bahdanau" => &[[2, 1, 4, 6]],
            _ => &[[2, 4, 4, 6]; 2],
        };
        assert_eq!(shapes, expected, "{name}");
        let gradients = decoded.logits.powi_scalar(2).mean().backward();
        let gradients = GradientsParams::from_grads(gradients, &model);
        assert_eq!(gradients.len(), parameters(&model).len(), "{name}");
        let mut check = Finite(&gradients, 0.0);
        model.visit(&mut check);
        assert!(check.1 > 0.0, "{name}");
    }
}

#[test]
fn weights_are_a_function_of_config_and_seed_and_a_record_gives_the_same_model() {
    #[allow(deprecated)] // the feature `ndarray` is ours to keep
    let other = Device::ndarray();
    for (name, config) in small() {
        let numbers = |seed, device: &Device| {
            let mut all = Numbers::default();
            config
                .init(Seed::new(seed), device)
                .unwrap()
                .visit(&mut all);
            all.0
        };
        let first = numbers(1, &Device::flex());
        assert_eq!(first, numbers(1, &other), "{name}");
        assert_ne!(first, numbers(2, &Device::flex()), "{name}");
        let model = config.init(SEED, &Device::flex()).unwrap();
        let bytes = model.clone().into_record().into_bytes().unwrap();
        let loaded = config.init(Seed::new(99), &Device::flex()).unwrap();
        let record = ModuleRecord::from_bytes(bytes).unwrap();
        let loaded = loaded.try_load_record(record).unwrap();
        let [before, after] = [&model, &loaded].map(|model| logits(model, [6, 3], 4).logits);
        assert_eq!(before.to_data(), after.to_data(), "{name}");
    }
}

/// The largest number of each matrix.
#[derive(Default)]
struct Largest {
    path: Vec<String>,
    found: Vec<(String, f32)>,
}

impl ModuleVisitor for Largest {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let largest = param.val().abs().max().into_scalar();
        self.found.push((self.path.join("."), largest));
    }
}

#[test]
fn weights_are_xavier_uniform_as_in_the_course() {
    // The bound is the root of 6 by inputs and outputs; PyTorch counts the rows of all gates.
    for (model, path, sum) in [
        ("gru", "encoder.rnn.weight_ih_l0", 32 + 96),
        ("gru", "decoder.dense.weight", 32 + 201),
        ("bahdanau", "decoder.attention.W_q.weight", 32 + 32),
        ("bahdanau", "decoder.attention.w_v.weight", 32 + 1),
        (
            "transformer",
            "encoder.layers.1.self_attn.in_proj_weight",
            32 + 32,
        ),
        (
            "transformer",
            "decoder.layers.0.multihead_attn.out_proj.weight",
            32 + 32,
        ),
        ("transformer", "decoder.layers.1.linear2.weight", 64 + 32),
        ("transformer", "output.weight", 32 + 201),
    ] {
        let config = TranslationConfig::by_name(model, TOKENS[0], TOKENS[1]).unwrap();
        let mut largest = Largest::default();
        config
            .init(SEED, &Device::flex())
            .unwrap()
            .visit(&mut largest);
        let found = largest.found.iter().find(|(name, _)| name == path);
        let got = found
            .unwrap_or_else(|| panic!("{path}: {:?}", largest.found))
            .1;
        let bound = (6.0 / sum as f32).sqrt();
        assert!(
            got <= bound && got > 0.8 * bound,
            "{path}: {got} of {bound}"
        );
    }
}

#[test]
fn step_by_step_is_the_whole_sequence() {
    let device = Device::flex();
    for (name, config) in small() {
        let model = config.init(SEED, &device).unwrap();
        let whole = logits(&model, [6, 3], 5);
        let mut state = model.encode(tokens(6, 9, &device), lengths([6, 3], &device));
        let all = tokens(5, 11, &device);
        for (from, count) in [(0, 2), (2, 1), (3, 1), (4, 1)] {
            let part = model.decode(all.clone().narrow(1, from, count), state);
            let expected = whole.logits.clone().narrow(1, from, count);
            let far = distance(part.logits, expected);
            assert!(far < 1e-5, "{name}, from step {from}: {far}");
            for (part, whole) in part.attention.into_iter().zip(&whole.attention) {
                let far = distance(part, whole.clone().narrow(2, from, count));
                assert!(far < 1e-5, "{name}, from step {from}: attention {far}");
            }
            state = part.state;
        }
    }
}

#[test]
fn padding_gets_no_attention_and_a_row_of_padding_no_nan() {
    for (name, config) in small() {
        let model = config.init(SEED, &Device::flex()).unwrap();
        let decoded = logits(&model, [2, 0], 3);
        let sum: f32 = decoded.logits.abs().sum().into_scalar();
        assert!(sum.is_finite(), "{name}");
        for weights in decoded.attention {
            let first = weights.clone().narrow(0, 0, 1);
            let beyond: f32 = first.clone().narrow(3, 2, 4).max().into_scalar();
            assert_eq!(beyond, 0.0, "{name}");
            let sums = weights.sum_dim(3);
            let far = distance(sums.clone(), sums.ones_like());
            assert!(far < 1e-5, "{name}: {far}");
        }
    }
}

#[test]
fn the_transformer_shows_how_its_encoder_looks_at_the_source() {
    let device = Device::flex();
    let config = TranslationConfig::by_name("transformer", 9, 11).unwrap();
    let Translator::Transformer(model) = config.init(SEED, &device).unwrap() else {
        unreachable!("the Transformer's name")
    };
    let (_, weights) = model.encode_with_attention(tokens(6, 9, &device), lengths([6, 3], &device));
    let shapes: Vec<[usize; 4]> = weights.iter().map(Tensor::dims).collect();
    assert_eq!(shapes, [[2, 4, 6, 6]; 2]);
}

#[test]
fn what_makes_no_model_is_refused() {
    let error = |config: TranslationConfig| {
        let model = config.init(SEED, &Device::flex());
        model.err().unwrap().to_string()
    };
    let [gru, _, transformer] =
        TranslationConfig::NAMES.map(|name| TranslationConfig::by_name(name, 9, 11).unwrap());
    let steps = error(TranslationConfig {
        steps: 0,
        ..gru.clone()
    });
    assert!(steps.contains("steps is 0"), "{steps}");
    let with = |network| TranslationConfig {
        network,
        ..gru.clone()
    };
    let hidden = RecurrentSizes {
        hidden: 0,
        ..RecurrentSizes::COURSE
    };
    let hidden = error(with(TranslationNetwork::Bahdanau(hidden)));
    assert!(hidden.contains("hidden is 0"), "{hidden}");
    let dropout = RecurrentSizes {
        dropout: 1.0,
        ..RecurrentSizes::COURSE
    };
    let dropout = error(with(TranslationNetwork::Gru(dropout)));
    assert!(dropout.contains("dropout is 1"), "{dropout}");
    let TranslationNetwork::Transformer(sizes) = transformer.network else {
        unreachable!("the Transformer's name")
    };
    let heads = TransformerConfig { heads: 5, ..sizes };
    let heads = error(with(TranslationNetwork::Transformer(heads)));
    assert!(heads.contains("5 heads of 32"), "{heads}");
    let name = TranslationConfig::by_name("transfromer", 9, 11).unwrap_err();
    assert!(name.to_string().contains("\"transformer\""), "{name}");
}
