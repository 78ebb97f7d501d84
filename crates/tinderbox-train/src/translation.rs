use burn::tensor::{Int, Tensor, TensorData};
use tinderbox_data::text::{PaddedSentences, PairBatch, SentenceBatch, Vocab};
use tinderbox_nn::{EncoderDecoder, cross_entropy};

use crate::language::check_ids;
use crate::{LanguageError, Logits, Step, StepError, Task};

/// Translation of sentences by any [`EncoderDecoder`], with teacher forcing: at every step the decoder
/// reads the true token before (Williams and Zipser 1989).
///
/// The loss is the cross-entropy, a mean over the tokens of the translations and their ends; padding
/// does not count, neither in the sum nor in what divides it. The metrics see [`Logits`] with a row for
/// each of these tokens: `Perplexity`, `Accuracy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Translation {
    /// The id of the token that stands before every translation.
    pub begin: u32,
}

/// Sentences that a model cannot be trained with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TranslationError {
    /// A vocabulary that was not made for translations.
    #[error(
        "the vocabulary of the translations has no token {token:?}; fit it with `reserved: PaddedSentences::reserved()`"
    )]
    Reserved {
        /// The token that is missing.
        token: &'static str,
    },
    /// A batch of padding alone.
    #[error("no translation of the batch has a token; leave out pairs without a translation")]
    Empty,
    /// Other numbers of sentences than of translations, or lengths that are not theirs.
    #[error(
        "{sources} source sentences and {translations} translations in a batch, with {source_lengths} and \
         {translation_lengths} lengths; a batch needs one of each for every pair"
    )]
    Rows {
        /// Source sentences.
        sources: usize,
        /// Their lengths.
        source_lengths: usize,
        /// Translations.
        translations: usize,
        /// Their lengths.
        translation_lengths: usize,
    },
}

impl Translation {
    /// For translations with this vocabulary.
    ///
    /// # Errors
    /// A vocabulary without `<bos>`.
    pub fn new(target: &Vocab) -> Result<Self, TranslationError> {
        let token = PaddedSentences::BEGIN;
        match target.get(token) {
            Some(begin) => Ok(Self { begin }),
            None => Err(TranslationError::Reserved { token }),
        }
    }

    /// What the decoder reads: the translations, moved by one step, behind the first token.
    fn shifted(self, target: &Tensor<2, Int>) -> Tensor<2, Int> {
        let [rows, steps] = target.dims();
        let begin = TensorData::new(vec![self.begin as i32; rows], [rows, 1]);
        let begin = Tensor::from_data(begin, &target.device());
        match steps {
            1 => begin,
            _ => Tensor::cat(vec![begin, target.clone().narrow(1, 0, steps - 1)], 1),
        }
    }
}

impl<M: EncoderDecoder> Task<M, PairBatch> for Translation {
    type Output = Logits;
    type State = ();

    fn step(&self, model: &M, batch: PairBatch, _: &mut ()) -> Result<Step<Logits>, StepError> {
        let PairBatch { source, target } = batch;
        check(&source, &target)?;
        check_ids(&source.ids, model.source_vocabulary())?;
        let vocabulary = model.target_vocabulary();
        check_ids(&target.ids, vocabulary)?;
        if self.begin as usize >= vocabulary {
            let id = self.begin.into();
            return Err(LanguageError::Token { id, vocabulary }.into());
        }
        let [count] = target.tokens.dims();
        if count == 0 {
            return Err(TranslationError::Empty.into());
        }
        let [rows, steps] = target.ids.dims();
        let state = model.encode(source.ids, source.lengths);
        let logits = model.decode(self.shifted(&target.ids), state).logits;
        let output = Logits {
            logits: (logits.reshape([rows * steps, vocabulary])).select(0, target.tokens.clone()),
            targets: target.ids.reshape([rows * steps]).select(0, target.tokens),
        };
        let mean = cross_entropy(output.logits.clone(), output.targets.clone(), 0.0);
        Ok(Step::mean(mean, count).with_output(output))
    }

    fn detach(&self, output: &Logits) -> Option<Logits> {
        output.detached()
    }

    fn join(&self, outputs: Vec<Logits>) -> Vec<Logits> {
        Logits::join(outputs)
    }
}

/// Refuses a batch that is not one of pairs.
fn check(source: &SentenceBatch, target: &SentenceBatch) -> Result<(), TranslationError> {
    let ([sources, _], [translations, _]) = (source.ids.dims(), target.ids.dims());
    let ([source_lengths], [translation_lengths]) = (source.lengths.dims(), target.lengths.dims());
    match [source_lengths, translations, translation_lengths] == [sources; 3] {
        true => Ok(()),
        false => Err(TranslationError::Rows {
            sources,
            source_lengths,
            translations,
            translation_lengths,
        }),
    }
}

#[cfg(test)]
mod tests;
