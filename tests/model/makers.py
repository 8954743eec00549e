# SPDX-License-Identifier: Apache-2.0
"""Small models as Hugging Face's tools leave them in a folder: random weights, tokenizers trained here."""

import json
import pathlib

import numpy
from safetensors.numpy import save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

ROOT = pathlib.Path(__file__).resolve().parents[2]
QWEN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
LLAMA3 = QWEN.replace(r"\p{N}| ?", r"\p{N}{1,3}| ?")
SEED = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+")


def corpus():
    """Code, prose and other scripts, to train tokenizers on."""
    files = sorted((ROOT / "blindbox").rglob("*.cc"))[:60] + sorted((ROOT / "tests/cli").glob("*.py"))
    texts = [file.read_text(encoding="utf-8") for file in files]
    texts += ["Die Größe überträgt 12345 Äpfel für 3,50 €. " * 20, "я пишу код на языке си. " * 20, "你好，世界。函数返回值 " * 20,
              "naïve café — “quotes” … 'tis don't we'll I'VE " * 20, "        return x\n\n\n\tif y:\n" * 40]
    return texts


def split(regex):
    step = pre_tokenizers.Split(Regex(regex), "isolated")
    return pre_tokenizers.Sequence([step, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


PRE = {
    "gpt-2": lambda: pre_tokenizers.ByteLevel(add_prefix_space=False),
    "starcoder": lambda: pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                                  pre_tokenizers.ByteLevel(add_prefix_space=False)]),
    "qwen2": lambda: split(QWEN),
    "llama-bpe": lambda: split(LLAMA3),
    "dbrx": lambda: split(LLAMA3),
    "seed-coder": lambda: split(SEED),
    "deepseek-coder": lambda: pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(regex), "isolated")
         for regex in ("[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+")]
        + [pre_tokenizers.Digits(individual_digits=True),
           pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]),
}


def byte_level(kind, special, size=1000):
    tokenizer = Tokenizer(models.BPE(ignore_merges=kind == "llama-bpe"))
    tokenizer.pre_tokenizer = PRE[kind]()
    tokenizer.decoder = decoders.ByteLevel()
    if kind == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                  show_progress=False)
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in special])
    return tokenizer


def sentencepiece(metaspace=False, size=1400):
    """BPE with byte fallback: trained, then given all merges as a conversion from SentencePiece lists them."""
    learner = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    space = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=True)
    learner.pre_tokenizer = space
    trainer = trainers.BpeTrainer(vocab_size=size, show_progress=False, special_tokens=(
        ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]), limit_alphabet=200)
    learner.train_from_iterator(corpus(), trainer)
    trained = json.loads(learner.to_str())
    vocab = trained["model"]["vocab"]
    ranks = {}
    for pair in trained["model"]["merges"]:
        ranks.setdefault("".join(pair), len(ranks))
    for run in (2, 4, 8):  # runs of blanks, as Llama's vocabulary has them
        if "▁" * run not in vocab:
            vocab["▁" * run] = len(vocab)
            ranks["▁" * run] = len(ranks)
    return from_ranks(vocab, ranks, metaspace)


def from_pieces(pieces):
    """What transformers makes of a SentencePiece model."""
    vocab = {pieces.id_to_piece(number): number for number in range(pieces.vocab_size())}
    normal = [number for number in vocab.values() if not pieces.is_control(number) and not pieces.is_byte(number)]
    return from_ranks(vocab, {pieces.id_to_piece(number): -pieces.get_score(number) for number in normal})


def from_ranks(vocab, ranks, metaspace=False):
    reserved = {"<unk>", "<s>", "</s>"}
    merges = []
    for piece in sorted(ranks, key=ranks.get):
        pairs = [(piece[:at], piece[at:]) for at in range(1, len(piece)) if piece[:at] in vocab and piece[at:] in vocab]
        merges += sorted(pairs, key=lambda pair: (vocab[pair[0]], vocab[pair[1]]))
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    if metaspace:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first", split=False)
    else:
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                           decoders.Strip(" ", 1, 0)])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B",
                                                             special_tokens=[("<s>", vocab["<s>"])])
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in sorted(reserved)])
    return tokenizer


class Weights(dict):
    """Tensors by name; the generator is seeded, so a run repeats itself."""

    def __init__(self, seed=7):
        super().__init__()
        self.random = numpy.random.default_rng(seed)

    def add(self, name, *shape, scale=0.08, offset=0.0):
        self[name] = (self.random.standard_normal(shape) * scale + offset).astype(numpy.float32)


def santacoder_config(vocab, **more):
    return {"architectures": ["GPTBigCodeForCausalLM"], "model_type": "gpt_bigcode", "n_positions": 128, "n_embd": 64,
            "n_layer": 2, "n_head": 4, "n_inner": None, "vocab_size": vocab, "layer_norm_epsilon": 1e-5,
            "activation_function": "gelu_pytorch_tanh", "multi_query": True, **more}


def santacoder(config):
    width, weights = config["n_embd"], Weights()
    inner, head = config["n_inner"] or 4 * width, width // config["n_head"]
    weights.add("transformer.wte.weight", config["vocab_size"], width)
    weights.add("transformer.wpe.weight", config["n_positions"], width)
    for i in range(config["n_layer"]):
        at = f"transformer.h.{i}."
        for norm in ("ln_1", "ln_2"):
            weights.add(at + norm + ".weight", width, offset=1)
            weights.add(at + norm + ".bias", width)
        for name, rows, columns in (("attn.c_attn", width + 2 * (head if config["multi_query"] else width), width), ("attn.c_proj", width, width),
                                    ("mlp.c_fc", inner, width), ("mlp.c_proj", width, inner)):
            weights.add(f"{at}{name}.weight", rows, columns)
            weights.add(f"{at}{name}.bias", rows)
    weights.add("transformer.ln_f.weight", width, offset=1)
    weights.add("transformer.ln_f.bias", width)
    return weights


def first_santacoder(config, weights):
    """The layout of the model's first repository: Conv1D, and queries apart from the shared key and value."""
    width, out = config["n_embd"], {}
    for name, value in weights.items():
        if ".attn.c_attn." in name:
            out[name.replace("c_attn", "q_attn")] = numpy.ascontiguousarray(value[:width].T)
            out[name.replace("c_attn", "kv_attn")] = numpy.ascontiguousarray(value[width:].T)
        elif name.endswith(".weight") and (".attn.c_proj" in name or ".mlp." in name):
            out[name] = numpy.ascontiguousarray(value.T)
        else:
            out[name] = value
    for i in range(config["n_layer"]):
        out[f"transformer.h.{i}.attn.bias"] = numpy.zeros((1, 1, 8, 8), dtype=numpy.uint8)
    first = {**config, "architectures": ["GPT2LMHeadCustomModel"], "model_type": "gpt2",
             "attention_head_type": "multiquery"}
    del first["multi_query"]
    return first, out


def modern_config(family, vocab, **more):
    names = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM", "starcoder2": "Starcoder2ForCausalLM"}
    config = {"architectures": [names[family]], "model_type": family, "max_position_embeddings": 128,
              "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
              "num_key_value_heads": 2, "vocab_size": vocab, "rope_theta": 10000.0, "tie_word_embeddings": False}
    if family == "starcoder2":
        config |= {"norm_epsilon": 1e-5, "hidden_act": "gelu_pytorch_tanh", "use_bias": True}
    else:
        config |= {"rms_norm_eps": 1e-6, "hidden_act": "silu"}
    return config | more


def modern(family, config):
    width, inner, weights = config["hidden_size"], config["intermediate_size"], Weights()
    head = width // config["num_attention_heads"]
    keys = config["num_key_value_heads"] * head
    plain = family == "starcoder2"
    weights.add("model.embed_tokens.weight", config["vocab_size"], width)
    layers = [("self_attn.q_proj", width, width, family != "llama"), ("self_attn.k_proj", keys, width, family != "llama"),
              ("self_attn.v_proj", keys, width, family != "llama"), ("self_attn.o_proj", width, width, plain)]
    layers += ([("mlp.c_fc", inner, width, True), ("mlp.c_proj", width, inner, True)] if plain else
               [("mlp.gate_proj", inner, width, False), ("mlp.up_proj", inner, width, False),
                ("mlp.down_proj", width, inner, False)])
    norms = [f"model.layers.{i}.{name}" for i in range(config["num_hidden_layers"])
             for name in ("input_layernorm", "post_attention_layernorm")] + ["model.norm"]
    for norm in norms:
        weights.add(norm + ".weight", width, offset=1)
        if plain:
            weights.add(norm + ".bias", width)
    for i in range(config["num_hidden_layers"]):
        for name, rows, columns, biased in layers:
            weights.add(f"model.layers.{i}.{name}.weight", rows, columns)
            if biased:
                weights.add(f"model.layers.{i}.{name}.bias", rows)
    if not config["tie_word_embeddings"]:
        weights.add("lm_head.weight", config["vocab_size"], width)
    return weights


def save(folder, config, weights, tokenizer, tokens, shards=1):
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(tokens), encoding="utf-8")
    if tokenizer:
        tokenizer.save(str(folder / "tokenizer.json"))
    if shards == 1:
        save_file(dict(weights), folder / "model.safetensors", metadata={"format": "pt"})
        return
    index = {}
    for part in range(shards):
        name = f"model-{part + 1:05}-of-{shards:05}.safetensors"
        chosen = {key: weights[key] for at, key in enumerate(sorted(weights)) if at % shards == part}
        save_file(chosen, folder / name)
        index |= {key: name for key in chosen}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}),
                                                         encoding="utf-8")
