// SPDX-License-Identifier: Apache-2.0
#include "blindbox/model/internal/special_tokens.h"

#include <array>
#include <optional>

namespace blindbox::model::internal {
namespace {

using base::fail;
using fetch::Json;
using Ids = std::unordered_map<std::string, std::uint32_t>;

struct Kind {
  const char* name;  // of tokenizer_config.json and config.json
  const char* key;   // of GGUF; "seperator" is how the format spells it
};
constexpr std::array kKinds = {
    Kind{"bos", "bos_token_id"},       Kind{"eos", "eos_token_id"},     Kind{"unk", "unknown_token_id"},
    Kind{"sep", "seperator_token_id"}, Kind{"pad", "padding_token_id"}, Kind{"mask", "mask_token_id"},
};

struct Holes {
  std::string_view prefix, suffix, middle, end;
};
// docs/models.md lists them. CodeLlama ends a hole with a token of its own.
constexpr std::array kHoles = {
    Holes{"<fim-prefix>", "<fim-suffix>", "<fim-middle>", ""},
    Holes{"<fim_prefix>", "<fim_suffix>", "<fim_middle>", ""},
    Holes{"<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", ""},
    Holes{"<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>", ""},
    Holes{"▁<PRE>", "▁<SUF>", "▁<MID>", "▁<EOT>"},
    Holes{"[PREFIX]", "[SUFFIX]", "[MIDDLE]", ""},
};

// "eos_token": "</s>" or {"content": "</s>", ...}.
std::string token_text(const Json& object, const std::string& key) {
  const auto found = object.find(key);
  if (found == object.end()) return {};
  if (found->is_string()) return found->get<std::string>();
  const auto content = found->is_object() ? found->find("content") : found->end();
  return found->is_object() && content != found->end() && content->is_string() ? content->get<std::string>() : "";
}

std::optional<std::uint32_t> find_id(const Ids& ids, std::string_view text) {
  const auto found = ids.find(std::string(text));
  return found == ids.end() || text.empty() ? std::nullopt : std::optional(found->second);
}

// A list (Llama 3's end tokens) means its first.
std::optional<std::uint32_t> configured_id(const Json& config, const std::string& key, std::size_t vocabulary) {
  auto found = config.find(key);
  if (found == config.end()) return std::nullopt;
  const Json& value = found->is_array() && !found->empty() ? found->front() : *found;
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() >= vocabulary) return std::nullopt;
  return value.get<std::uint32_t>();
}

// What is put before and behind every text: the first and last of a template, by their text.
void read_template(const Json& processor, const std::string& bos, const std::string& eos, Tokenizer& out) {
  const auto single = processor.find("single");
  if (single == processor.end() || !single->is_array() || single->empty()) return;
  const auto special = [](const Json& part) {
    const auto found = part.is_object() ? part.find("SpecialToken") : part.end();
    return part.is_object() && found != part.end() && found->is_object() ? token_text(*found, "id") : std::string();
  };
  const std::string first = special(single->front()), last = special(single->back());
  if (!first.empty()) out.flags["add_bos_token"] = first == bos;
  if (!last.empty() && single->size() > 1) out.flags["add_eos_token"] = last == eos;
  // A template that adds nothing says so as well.
  out.flags.emplace("add_bos_token", false);
  out.flags.emplace("add_eos_token", false);
}

void read_post_processor(const Json& tokenizer, const std::string& bos, const std::string& eos, Tokenizer& out) {
  const auto post = tokenizer.find("post_processor");
  if (post == tokenizer.end() || !post->is_object()) return;
  const auto list = post->find("processors");
  std::vector<Json> processors = {*post};
  if (list != post->end() && list->is_array()) processors.assign(list->begin(), list->end());
  for (const Json& processor : processors) {
    if (!processor.is_object()) continue;
    const std::string type = token_text(processor, "type");
    if (type == "TemplateProcessing") read_template(processor, bos, eos, out);
  }
  for (const Json& processor : processors) {
    if (!processor.is_object() || token_text(processor, "type") != "ByteLevel") continue;
    out.flags.emplace("add_bos_token", false);
    out.flags.emplace("add_eos_token", false);
  }
}

// Of tokenizer.model; -1 where it has none.
std::int32_t id_in(const SentencePieceModel& pieces, std::string_view name) {
  if (name == "bos") return pieces.bos_id;
  if (name == "eos") return pieces.eos_id;
  if (name == "unk") return pieces.unk_id;
  return name == "pad" ? pieces.pad_id : -1;
}

// A marker of a hole is never text, whatever the tokenizer calls it: llama.cpp finds user-defined tokens in every text,
// and code that holds one must stay code.
void read_holes(const Ids& ids, Tokenizer& out) {
  for (const Holes& holes : kHoles) {
    for (const std::string_view text : {holes.prefix, holes.suffix, holes.middle, holes.end}) {
      const auto id = find_id(ids, text);
      if (id && *id < out.types.size()) out.types[*id] = TokenType::control;
    }
  }

  for (const Holes& holes : kHoles) {
    const auto prefix = find_id(ids, holes.prefix), suffix = find_id(ids, holes.suffix);
    const auto middle = find_id(ids, holes.middle);
    if (!prefix || !suffix || !middle) continue;
    out.ids["fim_pre_token_id"] = *prefix;
    out.ids["fim_suf_token_id"] = *suffix;
    out.ids["fim_mid_token_id"] = *middle;
    if (const auto end = find_id(ids, holes.end)) out.ids["eot_token_id"] = *end;
    return;
  }
}

}  // namespace

Result<void> read_special_tokens(const TokenizerFiles& files, const Ids& ids, Tokenizer& out) {
  const Json nothing = Json::object();
  const Json& config = files.tokenizer_config.is_object() ? files.tokenizer_config : nothing;
  const Json& model = files.model_config.is_object() ? files.model_config : nothing;
  for (const Kind& kind : kKinds) {
    auto id = find_id(ids, token_text(config, std::string(kind.name) + "_token"));
    if (!id) id = configured_id(model, std::string(kind.name) + "_token_id", out.types.size());
    if (!id && files.pieces) {
      const std::int32_t piece = id_in(*files.pieces, kind.name);
      if (piece >= 0 && static_cast<std::size_t>(piece) < out.types.size()) id = static_cast<std::uint32_t>(piece);
    }
    if (id) out.ids[kind.key] = *id;
  }
  if (!out.ids.contains("eos_token_id")) {
    return fail(
        ErrorKind::model, "nothing says which token ends a text",
        "neither eos_token in tokenizer_config.json nor eos_token_id in config.json names one of the vocabulary");
  }
  read_post_processor(files.tokenizer, token_text(config, "bos_token"), token_text(config, "eos_token"), out);
  for (const char* flag : {"add_bos_token", "add_eos_token"}) {
    const auto said = config.find(flag);
    if (said != config.end() && said->is_boolean()) out.flags.emplace(flag, said->get<bool>());
  }
  // Without a word, transformers adds Llama's to SentencePiece's kind and none to the byte-level one.
  out.flags.emplace("add_bos_token", !out.byte_level);
  out.flags.emplace("add_eos_token", false);
  if (out.flags["add_bos_token"] && !out.ids.contains("bos_token_id")) {
    return fail(ErrorKind::model, "the tokenizer begins every text with a token that nothing names",
                "bos_token in tokenizer_config.json, or bos_token_id in config.json");
  }
  read_holes(ids, out);
  return {};
}

}  // namespace blindbox::model::internal
