use tinderbox_data::text::{TokenRules, VocabConfig};

use super::*;

fn pairs() -> Vec<[String; 2]> {
    let all = [
        ["Go.", "Va !"],
        ["I lost.", "J'ai perdu."],
        ["I'm calm.", "Je suis calme."],
    ];
    all.map(|pair| pair.map(String::from)).to_vec()
}

fn model(name: &str, pairs: &[[String; 2]]) -> TranslationModel {
    let tokenizers = PairTokenizers::fit(pairs, TokenRules::COURSE_SENTENCES, 1).unwrap();
    let [source, target] = [&tokenizers.source, &tokenizers.target].map(|one| one.vocab().len());
    let config = TranslationConfig {
        steps: 5,
        ..TranslationConfig::by_name(name, source, target).unwrap()
    };
    let model = config
        .init(Seed::new(3), &Device::flex().autodiff())
        .unwrap();
    TranslationModel::new(config, model, tokenizers).unwrap()
}

const BEAM: BeamSearch = BeamSearch {
    width: 3,
    length_penalty: 0.75,
    max_length: 6,
};

#[test]
fn a_bundle_translates_as_the_model_did() {
    let folder = tempfile::tempdir().unwrap();
    for name in TranslationConfig::NAMES {
        let path = folder.path().join(name);
        let before = model(name, &pairs());
        before.save(&path).unwrap();
        for file in [
            "source_vocab.json",
            "target_vocab.json",
            "model.safetensors",
        ] {
            assert!(path.join(file).is_file(), "{file}");
        }
        let after = TranslationModel::open(&path, &Device::flex()).unwrap();
        assert_eq!(after.config(), before.config());
        for sentence in ["Go.", "I lost calm.", "I'm I'm I'm I'm I'm I'm ."] {
            let expected = before.translate(sentence, &BEAM).unwrap();
            let got = after.translate(sentence, &BEAM).unwrap();
            assert_eq!(got.text, expected.text, "{name}: {sentence}");
            assert!((got.score - expected.score).abs() < 1e-5);
            assert!(!got.tokens.iter().any(|&id| id < 4), "{got:?}");
        }
    }
}

#[test]
fn unknown_words_and_long_sentences_are_told() {
    let model = model("gru", &pairs());
    let translate = |sentence| model.translate(sentence, &BEAM).unwrap();
    let plain = translate("I LOST .");
    assert!(plain.unknown.is_empty() && plain.left_out == 0);
    let unknown = translate("I lost Tom, Tom!");
    assert_eq!(unknown.unknown, ["tom", ",", "!"]);
    // Four tokens and the end; five tokens, whose end is cut; six.
    for (sentence, left_out) in [("i i i .", 0), ("i i i i .", 0), ("i i i i i .", 1)] {
        assert_eq!(translate(sentence).left_out, left_out, "{sentence}");
    }
}

#[test]
fn attention_is_a_matrix_of_written_and_read_tokens() {
    for (name, maps) in [("gru", 0), ("bahdanau", 1), ("transformer", 8)] {
        let model = model(name, &pairs());
        let translated = model.translate("I lost.", &BEAM).unwrap();
        let attention = model.attention("I lost.", &translated).unwrap();
        assert_eq!(attention.len(), maps, "{name}");
        for map in &attention {
            let Matrix {
                rows,
                columns,
                values,
            } = &map.weights;
            assert_eq!(columns, &["i", "lost", ".", "<eos>"]);
            assert_eq!(rows.len(), translated.tokens.len() + 1);
            assert_eq!(rows.last().map(String::as_str), Some("<eos>"));
            for row in values.chunks(4) {
                assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-5, "{row:?}");
            }
        }
        if let Some(last) = attention.last() {
            assert_eq!(
                (last.layer, last.head),
                if maps == 8 { (2, 4) } else { (1, 1) }
            );
        }
    }
}

#[test]
fn what_cannot_be_translated_is_refused() {
    let model = model("transformer", &pairs());
    let error = |sentence, beam: BeamSearch| {
        let translated = model.translate(sentence, &beam);
        translated.unwrap_err().to_string()
    };
    assert!(error("Go.", BeamSearch { width: 0, ..BEAM }).starts_with("beam = 0"));
    let max_length = 0;
    assert!(error("Go.", BeamSearch { max_length, ..BEAM }).starts_with("length = 0"));
    for empty in ["", " \n"] {
        assert!(error(empty, BEAM).contains("has no token"));
    }
}

#[test]
fn a_vocabulary_that_does_not_belong_to_the_weights_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let [path, other] = ["one", "other"].map(|name| folder.path().join(name));
    let mut others = pairs();
    others[0] = ["Run.", "Cours !"].map(String::from);
    model("bahdanau", &others).save(&other).unwrap();
    for name in TranslationModel::TOKENIZERS {
        model("bahdanau", &pairs()).save(&path).unwrap();
        let file = format!("{name}.json");
        std::fs::copy(other.join(&file), path.join(&file)).unwrap();
        let error = TranslationModel::open(&path, &Device::flex()).unwrap_err();
        let expected = format!("{file}: the vocabulary does not belong");
        assert!(error.to_string().contains(&expected), "{error}");
    }
    let one = model("gru", &pairs());
    let fewer = PairTokenizers::fit(&pairs()[..2], TokenRules::COURSE_SENTENCES, 1).unwrap();
    let error = TranslationModel::new(one.config.clone(), one.model.clone(), fewer);
    let error = error.unwrap_err();
    assert!(matches!(error, TextError::Vocabulary { .. }), "{error}");
    let plain = || {
        let words = "a b c d e f g h";
        Tokenizer::fit(TokenRules::WORDS, words, &VocabConfig::default()).unwrap()
    };
    let tokenizers = PairTokenizers {
        source: plain(),
        target: plain(),
    };
    let config = TranslationConfig::by_name("gru", 9, 9).unwrap();
    let model = config.init(Seed::new(1), &Device::flex()).unwrap();
    let error = TranslationModel::new(config, model, tokenizers).unwrap_err();
    assert!(error.to_string().contains("no token \"<bos>\""), "{error}");
}
