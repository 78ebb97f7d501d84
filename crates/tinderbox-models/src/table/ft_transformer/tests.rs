use super::*;
use tinderbox_nn::count_parameters;

fn config() -> FtTransformerConfig {
    let columns = TableColumns {
        inputs: 4,
        categories: vec![CategoryColumn::new(1, 5)],
        flags: vec![3],
        texts: vec![],
    };
    FtTransformerConfig {
        outputs: 3,
        width: 8,
        heads: 2,
        blocks: 2,
        feed_forward: 12,
        attention_dropout: 0.0,
        dropout: 0.0,
        ..FtTransformerConfig::new(columns)
    }
}

fn inputs(device: &Device) -> Tensor<2> {
    Tensor::from_data([[0.5f32, 1.0, -1.0, 1.0], [2.0, 4.0, 0.1, 0.0]], device)
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.try_into_vec_as().unwrap()
}

#[test]
fn parameters_are_those_of_tokens_and_blocks() {
    let device = Device::flex();
    let model = config().init(Seed::new(1), &device).unwrap();
    let tokens = 3 * (8 + 8) + 5 * 8 + 8 + 8;
    let attention = 3 * 8 * 8 + 3 * 8 + 8 * 8 + 8;
    let block = attention + 2 * 8 + (8 * 24 + 24) + (12 * 8 + 8);
    // The first block has no norm before its attention.
    let expected = tokens + 2 * block + 2 * 8 + 2 * 8 + (8 * 3 + 3);
    assert_eq!(count_parameters(&model), expected);
    assert_eq!(model.tokens(&inputs(&device)).dims(), [2, 5, 8]);
    assert_eq!(model.predict(inputs(&device)).unwrap().dims(), [2, 3]);
}

#[test]
fn rows_do_not_see_each_other_and_unknown_categories_are_missing_ones() {
    let device = Device::flex();
    let model = config().init(Seed::new(1), &device).unwrap();
    let both = numbers(model.forward(inputs(&device)));
    let alone = numbers(model.forward(inputs(&device).narrow(0, 1, 1)));
    for (alone, among) in alone.iter().zip(&both[3..]) {
        assert!((alone - among).abs() < 1e-5);
    }
    let of = |category: f32| {
        let row = Tensor::from_data([[0.5, category, -1.0, 1.0]], &device);
        numbers(model.forward(row))
    };
    assert_eq!(of(7.0), of(0.0));
    assert_ne!(of(1.0), of(0.0));
}

#[test]
fn gradients_reach_every_parameter() {
    let device = Device::flex().autodiff();
    let model = config().init(Seed::new(1), &device).unwrap();
    let weights = Tensor::<2>::from_data([[1.0f32, -2.0, 0.5]], &device);
    let loss = (model.forward(inputs(&device)) * weights).square().sum();
    let gradients = loss.backward();
    let finite = |name: &str, gradient: Option<Vec<f32>>| {
        let gradient = gradient.unwrap_or_else(|| panic!("{name} has no gradient"));
        assert!(gradient.iter().all(|x| x.is_finite()), "{name}");
        assert!(gradient.iter().any(|&x| x != 0.0), "{name}");
    };
    finite(
        "class token",
        model.class_token.val().grad(&gradients).map(numbers),
    );
    let bias = model.category_bias.as_ref().unwrap();
    finite("category bias", bias.val().grad(&gradients).map(numbers));
    let embedding = &model.embeddings[0].weight;
    finite("embedding", embedding.val().grad(&gradients).map(numbers));
    for block in &model.blocks {
        finite("up", block.up.weight.val().grad(&gradients).map(numbers));
        finite(
            "down",
            block.down.weight.val().grad(&gradients).map(numbers),
        );
        finite("norm", block.norm.gamma.val().grad(&gradients).map(numbers));
    }
    finite(
        "head",
        model.head.weight.val().grad(&gradients).map(numbers),
    );
}

#[test]
fn configurations_without_a_model_are_refused() {
    let refused = |change: fn(&mut FtTransformerConfig)| {
        let mut config = config();
        change(&mut config);
        let error = config.init(Seed::new(1), &Device::flex()).unwrap_err();
        error.to_string()
    };
    assert!(refused(|c| c.blocks = 0).contains("blocks is 0"));
    assert!(refused(|c| c.heads = 3).contains("3 heads of 8"));
    assert!(refused(|c| c.attention_dropout = 1.0).contains("attention_dropout is 1"));
    let wide = |c: &mut FtTransformerConfig| {
        c.numbers = Some(NumberEmbeddingConfig::periodic());
    };
    assert!(refused(wide).contains("24 wide, but a token 8"));
    let text = serde_json::to_string(&config()).unwrap();
    assert_eq!(
        serde_json::from_str::<FtTransformerConfig>(&text).unwrap(),
        config()
    );
}

#[test]
fn all_columns_of_a_text_are_one_token() {
    let device = Device::flex();
    let mut config = config();
    config.columns = TableColumns {
        inputs: 8,
        flags: vec![2, 3, 4, 5, 7],
        texts: vec![[3, 3]],
        ..config.columns
    };
    let model = config.init(Seed::new(1), &device).unwrap();
    assert_eq!(model.texts[0].weight.lazy_shape().to_vec(), [3, 8]);
    // The class, two numbers, two flags, the text, the category.
    let inputs = Tensor::<2>::from_data([[0.5f32, 1.0, 1.0, 0.2, 0.0, 0.8, -1.0, 0.0]], &device);
    assert_eq!(model.tokens(&inputs).dims(), [1, 7, 8]);
    config.columns.texts = vec![[5, 2]];
    let error = config.init(Seed::new(1), &device).unwrap_err().to_string();
    assert!(error.contains("the text in columns 5 to 7"), "{error}");
}
