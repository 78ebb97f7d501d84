//! The behavior of the in-memory loader that users rely on: order, counts, last-batch policies, Burn's trait.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::ThreadId;
use std::time::Duration;

use burn::data::dataloader::DataLoader;
use burn::module::{Module, Param};
use burn::optim::{GradientsParams, SgdConfig};
use burn::tensor::{Device, Tensor};
use proptest::prelude::*;
use tinderbox_core::Seed;
use tinderbox_data::{
    Batch, Batches, Classes, DataError, Examples, LastBatch, Loader, Result, Rows, Share, Values,
    synthetic,
};

/// Examples whose single feature is their own index.
fn numbered(count: usize) -> Rows {
    let numbers: Vec<f32> = (0..count).map(|index| index as f32).collect();
    Rows::new(
        Values::new(numbers.clone(), 1).unwrap(),
        Values::new(numbers, 1).unwrap(),
    )
    .unwrap()
}

fn seen(loader: &Loader<Rows>, epoch: usize, skip: usize) -> Vec<Vec<usize>> {
    first(loader, epoch, skip, usize::MAX)
}

/// At most this many batches; then the epoch is left.
fn first(loader: &Loader<Rows>, epoch: usize, skip: usize, most: usize) -> Vec<Vec<usize>> {
    loader
        .epoch(epoch, skip, &Device::flex())
        .unwrap()
        .take(most)
        .map(|batch| {
            let batch = batch.unwrap();
            let inputs = batch.inputs.try_into_vec_as::<f32>().unwrap();
            let targets = batch.targets.try_into_vec_as::<f32>().unwrap();
            assert_eq!(inputs, targets, "features and targets stay together");
            inputs.into_iter().map(|index| index as usize).collect()
        })
        .collect()
}

fn policies() -> impl Strategy<Value = LastBatch> {
    prop_oneof![
        Just(LastBatch::Keep),
        Just(LastBatch::Drop),
        Just(LastBatch::Wrap)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_policy_counts_as_it_says(
        count in 1usize..120,
        size in 1usize..40,
        policy in policies(),
        seed: u64,
        epoch in 0usize..4,
        prefetch in 0usize..3,
    ) {
        let size = size.min(count);
        let loader = Loader::new(numbered(count), size).unwrap()
            .shuffle(Seed::new(seed)).last_batch(policy).prefetch(prefetch);
        let batches = seen(&loader, epoch, 0);
        prop_assert_eq!(batches.len(), loader.num_batches());
        prop_assert_eq!(Batches::batches(&loader), Some(batches.len()));
        let flat: Vec<usize> = batches.concat();
        prop_assert_eq!(Batches::examples(&loader), Some(flat.len()));
        let order = loader.order(epoch);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        prop_assert_eq!(sorted, (0..count).collect::<Vec<_>>());
        match policy {
            LastBatch::Keep => {
                prop_assert_eq!(batches.len(), count.div_ceil(size));
                prop_assert_eq!(flat, order);
            }
            LastBatch::Drop => {
                prop_assert_eq!(batches.len(), count / size);
                prop_assert!(batches.iter().all(|batch| batch.len() == size));
                prop_assert_eq!(&flat[..], &order[..flat.len()]);
            }
            LastBatch::Wrap => {
                prop_assert_eq!(batches.len(), count.div_ceil(size));
                prop_assert!(batches.iter().all(|batch| batch.len() == size));
                prop_assert_eq!(&flat[..count], &order[..]);
                prop_assert_eq!(&flat[count..], &order[..flat.len() - count]);
            }
        }
    }

    #[test]
    fn the_order_depends_on_seed_and_epoch_alone(count in 20usize..200, size in 1usize..20, seed: u64) {
        let plain = Loader::new(numbered(count), size).unwrap().shuffle(Seed::new(seed));
        let ahead = plain.clone().prefetch(3);
        for epoch in 0..3 {
            let expected = seen(&plain, epoch, 0);
            prop_assert_eq!(&seen(&ahead, epoch, 0), &expected);
            let skip = expected.len() / 2;
            prop_assert_eq!(&seen(&plain, epoch, skip)[..], &expected[skip..]);
            prop_assert_eq!(&seen(&ahead, epoch, skip)[..], &expected[skip..]);
        }
        prop_assert_ne!(plain.order(0), plain.order(1));
    }

    /// The thread of an epoch continues with the next epoch: batches must not change if another epoch
    /// follows, or if the epoch is left before its end.
    #[test]
    fn epochs_come_in_any_order_and_may_be_left(
        count in 20usize..200,
        size in 1usize..20,
        ahead in 1usize..12,
        seed in proptest::option::of(any::<u64>()),
        policy in policies(),
        visits in proptest::collection::vec((0usize..4, 0usize..30), 1..10),
    ) {
        let loader = Loader::new(numbered(count), size).unwrap();
        let loader = match seed {
            Some(seed) => loader.shuffle(Seed::new(seed)),
            None => loader,
        };
        let plain = loader.last_batch(policy).prefetch(0);
        let ahead = plain.clone().prefetch(ahead);
        for (epoch, most) in visits {
            let expected = seen(&plain, epoch, 0);
            let most = most.min(expected.len());
            prop_assert_eq!(&first(&ahead, epoch, 0, most)[..], &expected[..most]);
        }
        for epoch in 0..4 {
            prop_assert_eq!(seen(&ahead, epoch, 0), seen(&plain, epoch, 0));
        }
    }
}

#[test]
fn without_a_seed_the_order_is_the_datas_own() {
    let own = vec![vec![0, 1, 2, 3], vec![4, 5, 6, 7], vec![8, 9]];
    for ahead in [0, 1, 5, usize::MAX] {
        let loader = Loader::new(numbered(10), 4).unwrap().prefetch(ahead);
        for epoch in [5, 6, 7, 0, 0] {
            assert_eq!(seen(&loader, epoch, 0), own);
        }
    }
}

#[test]
fn other_data_another_order_or_other_batches_have_another_identity() {
    let identity = |data: Rows| Loader::new(data, 4).unwrap().identity().unwrap();
    let known = identity(numbered(10));
    assert_eq!(known, identity(numbered(10)));
    assert!(known.data.as_ref().unwrap().starts_with("10 examples "));
    assert_eq!((known.batch_size, known.order_seed), (Some(4), None));
    let other = |features: f32, target: f32| {
        let with = |last: f32| {
            let mut numbers: Vec<f32> = (0..10).map(|index| index as f32).collect();
            numbers[9] = last;
            Values::new(numbers, 1).unwrap()
        };
        identity(Rows::new(with(features), with(target)).unwrap())
    };
    assert_eq!(known, other(9.0, 9.0));
    assert_ne!(known.data, other(9.5, 9.0).data, "a feature");
    assert_ne!(known.data, other(9.0, 9.5).data, "a target");

    let classes = |labels: [i32; 2], names: [&str; 2]| {
        let labels = Classes::new(labels.into(), names.map(String::from).into()).unwrap();
        let rows = Rows::new(Values::new(vec![1.0, 2.0], 1).unwrap(), labels).unwrap();
        let loader = Loader::for_evaluation(rows, 2).unwrap();
        loader.identity().unwrap().data.unwrap()
    };
    let known = classes([0, 1], ["a", "b"]);
    assert_eq!(known, classes([0, 1], ["a", "b"]));
    assert_ne!(known, classes([1, 0], ["a", "b"]));
    assert_ne!(known, classes([0, 1], ["a", "c"]));

    let shuffled = Loader::new(numbered(10), 5).unwrap().shuffle(Seed::new(7));
    let shuffled = shuffled.last_batch(LastBatch::Wrap).identity().unwrap();
    assert_eq!(
        (
            shuffled.order_seed,
            shuffled.batch_size,
            shuffled.last_batch
        ),
        (Some(7), Some(5), Some(LastBatch::Wrap))
    );
    // Custom examples need no digest.
    let own = Loader::new(Faulty { panics: false }, 10)
        .unwrap()
        .identity()
        .unwrap();
    assert_eq!((own.data, own.batch_size), (None, Some(10)));
}

#[test]
fn class_targets_are_integers() {
    let features = Values::new((0..12).map(|i| i as f32).collect(), 2).unwrap();
    let labels = Classes::new(
        vec![0, 1, 2, 0, 1, 2],
        ["a", "b", "c"].map(String::from).to_vec(),
    );
    let loader = Loader::new(Rows::new(features, labels.unwrap()).unwrap(), 4).unwrap();
    let batch = loader.epoch(0, 1, &Device::flex()).unwrap().next();
    let batch = batch.unwrap().unwrap();
    assert_eq!(batch.inputs.dims(), [2, 2]);
    let labels: Vec<i64> = batch.targets.into_data().iter::<i64>().collect();
    assert_eq!(labels, [1, 2]);
}

#[test]
fn bad_input_is_refused_with_a_reason() {
    let message = |error: DataError| error.to_string();
    assert!(message(Loader::new(numbered(5), 0).err().unwrap()).contains("batch size from 1 to 5"));
    assert!(message(Loader::new(numbered(5), 6).err().unwrap()).contains("batch size 6 with 5"));
    let empty = Rows::new(
        Values::new(Vec::new(), 1).unwrap(),
        Values::new(Vec::new(), 1).unwrap(),
    );
    assert!(message(Loader::new(empty.unwrap(), 1).err().unwrap()).contains("no rows"));
    let three = Values::new(vec![0.0; 3], 1).unwrap();
    let two = Values::new(vec![0.0; 2], 1).unwrap();
    assert!(message(Rows::new(three, two).unwrap_err()).contains("3 rows of features but 2"));
    assert!(message(Values::new(vec![0.0; 5], 2).unwrap_err()).contains("5 numbers"));
    let labels = Classes::new(vec![0, 3], vec!["a".into(), "b".into()]);
    assert!(message(labels.unwrap_err()).contains("row 2 (counted from 1): label 3"));
}

#[derive(Module, Debug)]
struct Line {
    weight: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
}

/// Training through Burn's own `DataLoader` trait alone, as stock Burn code does.
#[test]
fn stock_burn_code_trains_with_the_loader() {
    fn train(loader: Arc<dyn DataLoader<Batch>>, device: &Device) -> Line {
        let mut model = Line {
            weight: Param::from_data([[0.0f32], [0.0]], device),
            bias: Param::from_data([0.0f32], device),
        };
        let mut optimizer = SgdConfig::new().init();
        for _ in 0..4 {
            for batch in loader.iter() {
                let batch = batch.unwrap();
                let output = batch.inputs.matmul(model.weight.val()) + model.bias.val().unsqueeze();
                let loss = (output - batch.targets).powi_scalar(2).mean();
                let gradients = GradientsParams::from_grads(loss.backward(), &model);
                model = optimizer.step(0.03, model, gradients);
            }
        }
        model
    }

    let device = Device::flex().autodiff();
    let data = synthetic::linear(&[2.0, -3.4], 4.2, 0.01, 1000, Seed::new(7)).unwrap();
    let loader: Arc<dyn DataLoader<Batch>> =
        Arc::new(Loader::new(data, 10).unwrap().shuffle(Seed::new(8)));
    assert_eq!(loader.num_items(), 1000);
    assert_eq!(loader.slice(100, 350).num_items(), 250);
    assert_eq!(loader.slice(100, 350).iter().count(), 25);
    assert_eq!(loader.slice(350, 100).iter().count(), 0);
    let mut iterator = loader.iter();
    iterator.next();
    assert_eq!(iterator.progress().items_processed, 10);
    drop(iterator);

    let model = train(loader.to_device(&device), &device);
    let weight = model.weight.val().try_into_vec_as::<f32>().unwrap();
    let bias = model.bias.val().try_into_vec_as::<f32>().unwrap();
    for (got, truth) in weight.iter().chain(&bias).zip([2.0, -3.4, 4.2]) {
        assert!((got - truth).abs() < 5e-3, "{got} against {truth}");
    }
}

/// Twenty examples that are their own indices, of which number 13 cannot be gathered.
struct Faulty {
    panics: bool,
}

impl Examples for Faulty {
    type Host = Vec<usize>;
    type Batch = Vec<usize>;

    fn len(&self) -> usize {
        20
    }

    fn gather(&self, indices: &[usize], _: Seed) -> Result<Vec<usize>> {
        match indices.contains(&13) {
            true if self.panics => panic!("number 13"),
            true => Err(DataError::Index {
                index: 13,
                examples: 13,
            }),
            false => Ok(indices.to_vec()),
        }
    }

    fn upload(&self, host: Vec<usize>, _: &Device) -> Vec<usize> {
        host
    }
}

#[test]
fn an_error_comes_at_its_batch_and_ends_the_epoch_on_every_thread() {
    let loader = |ahead| {
        Loader::new(Faulty { panics: false }, 3)
            .unwrap()
            .shuffle(Seed::new(7))
            .prefetch(ahead)
    };
    let epoch = |loader: &Loader<Faulty>, epoch| -> Vec<Option<Vec<usize>>> {
        let batches = loader.epoch(epoch, 0, &Device::flex()).unwrap();
        batches.map(Result::ok).collect()
    };
    let plain = loader(0);
    for ahead in [1, 2, 9] {
        let ahead = loader(ahead);
        for number in [0, 1, 2, 3, 0] {
            let expected = epoch(&plain, number);
            assert_eq!(epoch(&ahead, number), expected);
            let errors = expected.iter().filter(|batch| batch.is_none()).count();
            assert_eq!((errors, expected.last()), (1, Some(&None)));
        }
    }
}

#[test]
fn a_panic_of_the_thread_is_passed_on() {
    let loader = Loader::new(Faulty { panics: true }, 3).unwrap().prefetch(2);
    for _ in 0..2 {
        let all = || {
            let batches = loader.epoch(0, 0, &Device::flex()).unwrap();
            batches.map(Result::unwrap).count()
        };
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(all)).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"number 13"));
    }
}

/// Slow examples that record which thread gathered them.
struct Slow;

impl Examples for Slow {
    type Host = (Vec<usize>, ThreadId);
    type Batch = (Vec<usize>, ThreadId);

    fn len(&self) -> usize {
        40
    }

    fn gather(&self, indices: &[usize], _: Seed) -> Result<Self::Host> {
        std::thread::sleep(Duration::from_millis(2));
        Ok((indices.to_vec(), std::thread::current().id()))
    }

    fn upload(&self, host: Self::Host, _: &Device) -> Self::Batch {
        host
    }

    /// Little enough for one thread.
    fn batch_bytes(&self, _: usize) -> usize {
        100 * 1024
    }
}

#[test]
fn a_caller_that_would_wait_gathers_the_batch_itself() {
    let loader = Loader::new(Slow, 2).unwrap();
    let loader = loader.shuffle(Seed::new(3)).prefetch(2);
    let mut hands = HashMap::<_, usize>::new();
    for epoch in 0..3 {
        let batches = loader.epoch(epoch, 0, &Device::flex()).unwrap();
        let batches: Result<Vec<_>> = batches.collect();
        let (indices, by): (Vec<_>, Vec<_>) = batches.unwrap().into_iter().unzip();
        assert_eq!(indices.concat(), loader.order(epoch));
        by.into_iter()
            .for_each(|thread| *hands.entry(thread).or_default() += 1);
    }
    let here = hands.remove(&std::thread::current().id());
    assert!(here > Some(0));
    assert_eq!(hands.len(), 1, "one thread from epoch to epoch");
}

#[test]
fn a_slice_smaller_than_a_batch_is_wrapped_around_as_often_as_it_takes() {
    let loader = Loader::new(numbered(20), 10).unwrap();
    let loader = loader.last_batch(LastBatch::Wrap);
    let slice = DataLoader::slice(&loader, 4, 7);
    let batches: Vec<Vec<f32>> = slice
        .iter()
        .map(|batch| batch.unwrap().inputs.try_into_vec_as::<f32>().unwrap())
        .collect();
    assert_eq!(batches, [[4., 5., 6., 4., 5., 6., 4., 5., 6., 4.]]);
}

#[test]
fn rare_examples_are_drawn_as_often_as_their_weights_say() {
    // One in ten has the rare class.
    let labels: Vec<i32> = (0..1000).map(|row| i32::from(row % 10 == 0)).collect();
    let classes = Classes::new(labels.clone(), vec!["often".into(), "rare".into()]).unwrap();
    let weights = classes.balanced_weights();
    assert_eq!((weights[0], weights[1]), (1.0 / 100.0, 1.0 / 900.0));
    let loader = Loader::new(numbered(1000), 64)
        .unwrap()
        .weighted(weights.clone(), Seed::new(4))
        .unwrap();
    let order = loader.order(3);
    assert_eq!(order.len(), 1000, "an epoch has as many examples as before");
    let rare = order.iter().filter(|&&row| labels[row] == 1).count();
    // 500 expected, with a standard deviation of 16.
    assert!((440..560).contains(&rare), "{rare}");
    // With replacement: 99 of the rare rows are expected, and 384 of the others.
    let distinct: std::collections::HashSet<_> = order.iter().collect();
    assert!(distinct.len() < 700, "{}", distinct.len());
    // A pure function of seed and epoch, from any batch on.
    assert_eq!(order, loader.order(3));
    assert_ne!(order, loader.order(4));
    assert_eq!(seen(&loader, 3, 5), seen(&loader, 3, 0)[5..]);
    assert_eq!(seen(&loader, 3, 0).concat(), order);
    // Other weights are another run.
    let other = Loader::new(numbered(1000), 64)
        .unwrap()
        .weighted(vec![1.0; 1000], Seed::new(4))
        .unwrap();
    assert_ne!(loader.identity().unwrap(), other.identity().unwrap());
}

#[test]
fn weights_that_cannot_be_used_are_refused() {
    let with = |weights: Vec<f64>| {
        let loader = Loader::new(numbered(3), 2).unwrap();
        let refused = loader.weighted(weights, Seed::new(1)).err().unwrap();
        refused.to_string()
    };
    assert_eq!(
        with(vec![1.0; 2]),
        "weights of examples: 2 weights for 3 examples; give each example one"
    );
    assert_eq!(
        with(vec![1.0, -2.0, 1.0]),
        "weights of examples: the weight of example 2 (counted from 1) is -2; a weight must be finite and at least 0"
    );
    assert!(with(vec![1.0, 1.0, f64::NAN]).contains("example 3 (counted from 1) is NaN"));
    assert!(with(vec![0.0; 3]).contains("all weights are 0"));
}

#[test]
fn shares_of_a_batch_are_the_batch() {
    // The last batch has one example, for three ranks.
    for (policy, prefetch) in [
        (LastBatch::Keep, 0),
        (LastBatch::Keep, 2),
        (LastBatch::Wrap, 1),
    ] {
        let loader = Loader::new(numbered(25), 8).unwrap();
        let loader = loader
            .shuffle(Seed::new(4))
            .last_batch(policy)
            .prefetch(prefetch);
        for (epoch, skip) in [(0, 0), (1, 0), (1, 2), (2, 0)] {
            let whole = seen(&loader, epoch, skip);
            let mut joined = vec![Vec::new(); whole.len()];
            for rank in 0..3 {
                let part = loader.share(Share::new(rank, 3)).unwrap();
                let batches = part.epoch(epoch, skip, &Device::flex()).unwrap();
                for (batch, joined) in batches.zip(&mut joined) {
                    let batch = batch.unwrap();
                    assert_eq!(batch.rows.start, joined.len());
                    if let Some(own) = batch.batch {
                        let inputs = own.inputs.try_into_vec_as::<f32>().unwrap();
                        joined.extend(inputs.into_iter().map(|index| index as usize));
                    }
                    assert_eq!(batch.rows.end, joined.len());
                }
            }
            assert_eq!(joined, whole);
        }
    }
}
