use proptest::prelude::*;

use super::*;

const BOTH: [Sampling; 2] = [Sampling::Random, Sampling::Sequential];

/// Token `i` of the text is `i`, so that a batch shows its position in the text.
fn loader(tokens: u32, steps: usize, batch_size: usize, sampling: Sampling) -> Result<TextLoader> {
    TextLoader::new((0..tokens).collect::<Vec<_>>(), steps, batch_size, sampling)
}

/// Inputs, targets and whether the state is kept, batch by batch.
fn batches(loader: &TextLoader, epoch: usize, skip: usize) -> Vec<(Vec<Vec<i64>>, bool)> {
    let rows = |tensor: Tensor<2, Int>| -> Vec<Vec<i64>> {
        let [_, width] = tensor.dims();
        let ids: Vec<i64> = tensor.into_data().iter::<i64>().collect();
        ids.chunks(width).map(<[i64]>::to_vec).collect()
    };
    let batches = loader.epoch(epoch, skip, &Device::flex()).unwrap();
    batches
        .map(|batch| {
            let batch = batch.unwrap();
            let inputs = rows(batch.inputs);
            let count = loader.num_tokens() as i64;
            let following: Vec<Vec<i64>> = inputs
                .iter()
                .map(|row| row.iter().map(|id| (id + 1) % count).collect())
                .collect();
            assert_eq!(rows(batch.targets), following);
            (inputs, batch.continues)
        })
        .collect()
}

#[test]
fn a_sequential_partition_is_as_in_the_course() {
    // The course's example: 35 tokens, 5 steps, 2 rows, offset 0.
    let loader = loader(35, 5, 2, Sampling::Sequential).unwrap();
    let row = |start: i64, width: i64| (start..start + width).collect::<Vec<_>>();
    let expected = [
        (vec![row(0, 5), row(17, 5)], false),
        (vec![row(5, 5), row(22, 5)], true),
        (vec![row(10, 5), row(27, 5)], true),
    ];
    let dropped = loader.clone().last_batch(LastBatch::Drop);
    assert_eq!(batches(&dropped, 0, 0), expected);
    let kept = batches(&loader, 0, 0);
    assert_eq!(kept[..3], expected);
    assert_eq!(kept[3], (vec![row(15, 2), row(32, 2)], true));
    let wrapped = batches(&loader.last_batch(LastBatch::Wrap), 0, 0);
    // What follows in the text, and at its end the start.
    assert_eq!(wrapped[3], (vec![row(15, 5), vec![32, 33, 34, 0, 1]], true));
}

#[test]
fn random_windows_do_not_overlap_and_start_elsewhere_in_each_epoch() {
    let loader = loader(35, 5, 2, Sampling::Random).unwrap();
    let loader = loader.shuffle(Seed::new(3));
    let mut offsets = Vec::new();
    for epoch in 0..8 {
        let all = batches(&loader, epoch, 0);
        assert_eq!(all.len(), 3);
        assert!(
            all.iter()
                .all(|(rows, continues)| rows.len() == 2 && !continues)
        );
        let mut starts: Vec<i64> = all
            .iter()
            .flat_map(|(rows, _)| rows.iter().map(|row| row[0]))
            .collect();
        starts.sort_unstable();
        offsets.push(starts[0]);
        let expected: Vec<i64> = (0..6).map(|window| starts[0] + 5 * window).collect();
        assert_eq!(starts, expected);
    }
    offsets.sort_unstable();
    offsets.dedup();
    assert!(offsets.len() > 2, "{offsets:?}");
}

#[test]
fn the_course_s_ten_thousand_characters_make_eight_full_batches() {
    for sampling in BOTH {
        let course = loader(10_000, 35, 32, sampling)
            .unwrap()
            .shuffle(Seed::new(0));
        let full = course.clone().last_batch(LastBatch::Drop);
        assert_eq!(full.num_batches(), 8);
        assert_eq!(full.num_targets(), 8 * 32 * 35);
        assert_eq!(course.num_batches(), 9);
    }
}

#[test]
fn evaluation_measures_every_row_once() {
    let text = (0..103).collect::<Vec<u32>>();
    let loader = TextLoader::for_evaluation(text.clone(), 10, 4).unwrap();
    let seen: usize = batches(&loader, 0, 0)
        .iter()
        .flat_map(|(rows, _)| rows.iter().map(Vec::len))
        .sum();
    assert_eq!((seen, loader.num_targets()), (100, 100));
    assert_eq!(batches(&loader, 5, 0), batches(&loader, 0, 0));
    let short = TextLoader::for_evaluation(text, 40, 64).unwrap();
    assert_eq!(batches(&short, 0, 0)[0].0.len(), 2);
}

#[test]
fn settings_without_a_window_or_a_batch_are_refused() {
    let error = |tokens, steps, batch_size, sampling| {
        let loader = loader(tokens, steps, batch_size, sampling);
        loader.err().unwrap().to_string()
    };
    for sampling in BOTH {
        assert!(error(0, 5, 1, sampling).contains("the text is empty"));
        assert!(error(10, 0, 1, sampling).contains("windows of 0"));
        let short = error(5, 5, 1, sampling);
        assert!(
            short.contains("5 tokens are too few for a window of 5"),
            "{short}"
        );
        for batch_size in [0, 7] {
            let wrong = error(35, 5, batch_size, sampling);
            assert!(wrong.contains("from 1 to 6"), "{wrong}");
        }
        assert!(loader(6, 5, 1, sampling).is_ok());
    }
}

#[test]
fn identity_knows_text_windows_and_order() {
    let base = loader(100, 5, 2, Sampling::Random).unwrap();
    let others = [
        loader(99, 5, 2, Sampling::Random).unwrap(),
        loader(100, 6, 2, Sampling::Random).unwrap(),
        loader(100, 5, 3, Sampling::Random).unwrap(),
        loader(100, 5, 2, Sampling::Sequential).unwrap(),
        base.clone().shuffle(Seed::new(1)),
        base.clone().last_batch(LastBatch::Drop),
    ];
    let identity = base.identity().unwrap();
    assert_eq!(base.clone().identity().unwrap(), identity);
    for other in others {
        assert_ne!(other.identity().unwrap(), identity);
    }
}

proptest! {
    #[test]
    fn batches_are_a_function_of_seed_and_epoch_from_any_batch_on(
        tokens in 20u32..200, steps in 1usize..9, batch_size in 1usize..3, seed: u64,
        sampling in prop::sample::select(&BOTH[..]),
        policy in prop::sample::select(vec![LastBatch::Keep, LastBatch::Drop, LastBatch::Wrap]),
    ) {
        let loader = loader(tokens, steps, batch_size, sampling).unwrap()
            .shuffle(Seed::new(seed)).last_batch(policy);
        for epoch in 0..2 {
            let all = batches(&loader, epoch, 0);
            prop_assert_eq!(all.len(), loader.num_batches());
            let targets: usize = all.iter().flat_map(|(rows, _)| rows.iter().map(Vec::len)).sum();
            prop_assert_eq!(targets, loader.num_targets());
            let skip = all.len() / 2;
            prop_assert_eq!(&batches(&loader.clone(), epoch, skip)[..], &all[skip..]);
            // No token twice, unless the last batch is filled up.
            if policy != LastBatch::Wrap {
                let mut ids: Vec<i64> = all.iter().flat_map(|(rows, _)| rows.concat()).collect();
                ids.sort_unstable();
                ids.dedup();
                prop_assert_eq!(ids.len(), targets);
            }
            for pair in all.windows(2) {
                if pair[1].1 {
                    for (before, after) in pair[0].0.iter().zip(&pair[1].0) {
                        prop_assert_eq!(before.last().unwrap() + 1, after[0]);
                    }
                }
            }
        }
    }
}

#[test]
fn shares_of_windows_are_the_batches() {
    for sampling in BOTH {
        let loader = loader(59, 4, 5, sampling).unwrap().shuffle(Seed::new(2));
        for (epoch, skip) in [(0, 0), (2, 1)] {
            let whole = batches(&loader, epoch, skip);
            let mut joined: Vec<(Vec<Vec<i64>>, bool)> = vec![(Vec::new(), false); whole.len()];
            for rank in 0..3 {
                let part = loader.share(Share::new(rank, 3)).unwrap();
                let parts = part.epoch(epoch, skip, &Device::flex()).unwrap();
                let mut count = 0;
                for (part, (rows, continues)) in parts.zip(&mut joined) {
                    let part = part.unwrap();
                    assert_eq!(part.rows.start, rows.len());
                    if let Some(own) = part.batch {
                        let [_, width] = own.inputs.dims();
                        let ids: Vec<i64> = own.inputs.into_data().iter::<i64>().collect();
                        rows.extend(ids.chunks(width).map(<[i64]>::to_vec));
                        *continues = own.continues;
                    }
                    assert_eq!(part.rows.end, rows.len());
                    count += 1;
                }
                assert_eq!(count, whole.len());
            }
            assert_eq!(joined, whole);
        }
    }
}
