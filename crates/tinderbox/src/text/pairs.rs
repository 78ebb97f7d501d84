use tinderbox_data::text::{PaddedSentences, SentencePairs, TokenRules, Tokenizer, VocabConfig};

use super::TextError;

/// The tokenizers of both languages.
#[derive(Clone, Debug, PartialEq)]
pub struct PairTokenizers {
    /// Of the sentences to translate.
    pub source: Tokenizer,
    /// Of their translations.
    pub target: Tokenizer,
}

impl PairTokenizers {
    /// Tokenizers whose vocabularies come from these pairs, which must be training pairs only; rarer
    /// tokens than `min_frequency` are left out.
    ///
    /// # Errors
    /// Pairs without tokens.
    pub fn fit(
        training_pairs: &[[String; 2]],
        rules: TokenRules,
        min_frequency: usize,
    ) -> Result<Self, TextError> {
        let config = VocabConfig {
            min_frequency,
            reserved: PaddedSentences::reserved(),
            ..VocabConfig::default()
        };
        let fit = |side: usize| {
            let sentences: Vec<&str> = (training_pairs.iter())
                .map(|pair| pair[side].as_str())
                .collect();
            Tokenizer::fit(rules, &sentences.join("\n"), &config)
        };
        Ok(Self {
            source: fit(0)?,
            target: fit(1)?,
        })
    }

    /// Pairs as token ids, each sentence with its end and cut or padded to `steps` tokens.
    ///
    /// # Errors
    /// A length of 0, vocabularies without reserved tokens.
    pub fn encode(&self, pairs: &[[String; 2]], steps: usize) -> Result<SentencePairs, TextError> {
        let side = |side: usize, tokenizer: &Tokenizer| {
            let sentences = pairs.iter().map(|pair| tokenizer.encode(&pair[side]));
            PaddedSentences::new(sentences, steps, tokenizer.vocab())
        };
        Ok(SentencePairs::new(
            side(0, &self.source)?,
            side(1, &self.target)?,
        )?)
    }
}
