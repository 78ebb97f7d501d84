use tinderbox_core::Seed;

use super::*;
use crate::TranslationConfig;

/// `<unk>`, `<bos>`, `<eos>` and two words.
const TOKENS: u32 = 5;

fn special() -> SpecialTokens {
    SpecialTokens {
        begin: 1,
        end: 2,
        never: vec![0, 1],
    }
}

/// Logits that depend on everything written so far.
fn logits(seed: u64, written: &[u32]) -> Vec<f32> {
    let seed = Seed::new(seed).at(written.len() as u64);
    let of_prefix = written
        .iter()
        .fold(seed, |seed, &token| seed.at(token.into()));
    let mut rng = of_prefix.rng();
    (0..TOKENS).map(|_| 2.0 * rng.normal() as f32).collect()
}

fn found(beam: BeamSearch, seed: u64) -> Vec<Hypothesis> {
    let step = |token, mut written: Vec<u32>| {
        written.push(token);
        (logits(seed, &written), written)
    };
    beam.search(&special(), Vec::new(), step).unwrap()
}

/// Every sequence that can be written.
fn all(beam: BeamSearch, seed: u64) -> Vec<Hypothesis> {
    let mut complete = Vec::new();
    let mut open = vec![(vec![1], 0.0)];
    for length in 1..=beam.max_length {
        let mut longer = Vec::new();
        for (written, sum) in open {
            let likely = log_probabilities(logits(seed, &written), &[0, 1]).unwrap();
            for token in 2..TOKENS {
                let log_probability = sum + likely[token as usize];
                let mut tokens: Vec<u32> = written.clone();
                let ended = token == 2;
                if !ended {
                    tokens.push(token);
                }
                if ended || length == beam.max_length {
                    complete.push(Hypothesis {
                        tokens: tokens[1..].to_vec(),
                        ended,
                        log_probability,
                        score: log_probability / (length as f64).powf(beam.length_penalty),
                    });
                } else {
                    longer.push((tokens, log_probability));
                }
            }
        }
        open = longer;
    }
    complete.sort_by(|a, b| b.score.total_cmp(&a.score));
    complete
}

#[test]
fn a_wide_beam_is_exhaustive_search_and_a_narrow_one_never_better() {
    let mut better_than_greedy = 0;
    for seed in 0..40 {
        for length_penalty in [0.0, 0.75, 2.0] {
            let of_width = |width| BeamSearch {
                width,
                length_penalty,
                max_length: 4,
            };
            let exact = all(of_width(1), seed);
            // Ended after one token, after two, after three; four tokens.
            assert_eq!(exact.len(), 1 + 2 + 4 + 24);
            let best = |width| found(of_width(width), seed).swap_remove(0);
            assert_eq!(best(100), exact[0], "seed {seed}, penalty {length_penalty}");
            let (narrow, greedy) = (best(2), best(1));
            assert!(narrow.score <= exact[0].score && exact.contains(&narrow));
            assert!(exact.contains(&greedy));
            better_than_greedy += usize::from(best(100).score > greedy.score + 1e-9);
        }
    }
    assert!(better_than_greedy > 20, "{better_than_greedy} of 120");
}

#[test]
fn one_sequence_is_greedy_search() {
    for seed in 0..20 {
        let mut written = vec![1];
        let greedy = loop {
            let likely = log_probabilities(logits(seed, &written), &[0, 1]).unwrap();
            let best =
                (2..TOKENS).max_by(|&a, &b| likely[a as usize].total_cmp(&likely[b as usize]));
            match best {
                Some(token) if token != 2 && written.len() < 7 => written.push(token),
                last => {
                    let ended = last == Some(2) && written.len() < 7;
                    break (written, ended);
                }
            }
        };
        let got = found(BeamSearch::greedy(6), seed).swap_remove(0);
        assert_eq!(got.tokens[..], greedy.0[1..], "seed {seed}");
        assert_eq!(got.ended, greedy.1, "seed {seed}");
    }
}

/// The course's example: the best token first, 0.5 * 0.4 * 0.4 * 0.6, is not the best sequence, 0.5 *
/// 0.3 * 0.6 * 0.6.
#[test]
fn the_best_token_is_not_the_best_sequence() {
    // A, B, C, end.
    let probabilities = |written: &[u32]| match written {
        [] => [0.5, 0.2, 0.2, 0.1],
        [0] => [0.1, 0.4, 0.3, 0.2],
        [0, 1] => [0.2, 0.2, 0.4, 0.2],
        [0, 1, 2] => [0.0, 0.2, 0.2, 0.6],
        [0, 2] => [0.1, 0.6, 0.2, 0.1],
        [0, 2, 1] => [0.1, 0.2, 0.1, 0.6],
        _ => [0.25; 4],
    };
    let special = SpecialTokens {
        begin: 9,
        end: 3,
        never: Vec::new(),
    };
    let search = |width| {
        let beam = BeamSearch {
            width,
            length_penalty: 0.75,
            max_length: 4,
        };
        let step = |token, mut written: Vec<u32>| {
            written.extend((token != 9).then_some(token));
            let logits = probabilities(&written).map(|p: f32| p.ln()).to_vec();
            (logits, written)
        };
        beam.search(&special, Vec::new(), step)
            .unwrap()
            .swap_remove(0)
    };
    let (greedy, best) = (search(1), search(4));
    assert_eq!(
        (&greedy.tokens[..], &best.tokens[..]),
        (&[0, 1, 2][..], &[0, 2, 1][..])
    );
    assert!((greedy.log_probability.exp() - 0.048).abs() < 1e-6);
    assert!((best.log_probability.exp() - 0.054).abs() < 1e-6);
    assert!((best.score - 0.054f64.ln() / 4f64.powf(0.75)).abs() < 1e-6);
}

#[test]
fn a_model_translates_as_its_logits_say() {
    let device = Device::flex();
    for name in TranslationConfig::NAMES {
        let config = TranslationConfig::by_name(name, 7, TOKENS as usize).unwrap();
        let model = config.init(Seed::new(3), &device).unwrap();
        let source = [5, 3, 2, 1, 1];
        let beam = BeamSearch {
            width: 3,
            length_penalty: 0.75,
            max_length: 6,
        };
        let best = beam.translate(&model, &source, 3, &special(), &device);
        let best = best.unwrap().swap_remove(0);
        // ln P from one pass over the whole translation.
        let mut read = vec![1];
        read.extend(&best.tokens);
        let mut written = best.tokens.clone();
        written.extend(best.ended.then_some(2));
        let ids = |ids: &[u32]| {
            let numbers: Vec<i32> = ids.iter().map(|&id| id as i32).collect();
            Tensor::<2, Int>::from_data(TensorData::new(numbers, [1, ids.len()]), &device)
        };
        let state = model.encode(ids(&source), Tensor::from_data([3], &device));
        let decoded = model.decode(ids(&read), state).logits.into_data();
        let numbers: Vec<f32> = decoded.iter::<f32>().collect();
        let rows = numbers.chunks(TOKENS as usize).zip(&written);
        let sum: f64 = rows
            .map(|(row, &token)| log_probabilities(row.to_vec(), &[0, 1]).unwrap()[token as usize])
            .sum();
        assert!(
            (sum - best.log_probability).abs() < 1e-4,
            "{name}: {sum} {best:?}"
        );
        assert!(!best.tokens.contains(&0) && !best.tokens.contains(&1));
    }
}

#[test]
fn settings_and_logits_that_make_no_sense_are_refused() {
    let fine = BeamSearch::greedy(5);
    let error = |beam: BeamSearch, logits: &[f32]| {
        let found = beam.search(&special(), (), |_, ()| (logits.to_vec(), ()));
        found.unwrap_err().to_string()
    };
    let some = [0.0; TOKENS as usize];
    let width = error(BeamSearch { width: 0, ..fine }, &some);
    assert!(width.starts_with("beam = 0"), "{width}");
    let max_length = error(
        BeamSearch {
            max_length: 0,
            ..fine
        },
        &some,
    );
    assert!(max_length.starts_with("length = 0"), "{max_length}");
    for length_penalty in [-1.0, f64::NAN] {
        let penalty = error(
            BeamSearch {
                length_penalty,
                ..fine
            },
            &some,
        );
        assert!(penalty.starts_with("length penalty = "), "{penalty}");
    }
    let only_unknown = [
        1.0,
        1.0,
        f32::NEG_INFINITY,
        f32::NEG_INFINITY,
        f32::NEG_INFINITY,
    ];
    for broken in [&[f32::NAN, 1.0, 1.0, 1.0, 1.0][..], &only_unknown] {
        assert!(error(fine, broken).contains("no usable logits"));
    }
}
