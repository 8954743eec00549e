// SPDX-License-Identifier: Apache-2.0
#include "blindbox/model/tokenizer.h"

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_set>

#include "blindbox/model/internal/pre_tokenizer.h"
#include "blindbox/model/internal/special_tokens.h"
#include "blindbox/model/internal/vocabulary.h"

namespace blindbox::model {
namespace {

using base::fail;
using fetch::Json;

constexpr std::string_view kUnderline = "\xE2\x96\x81";
constexpr std::size_t kTemplateCap = std::size_t{1} << 20;

bool flag_at(const Json& object, const char* key, bool otherwise) {
  const auto found = object.find(key);
  return found != object.end() && found->is_boolean() ? found->get<bool>() : otherwise;
}

std::string text_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// What would change how merges are applied, and what llama.cpp knows nothing of.
Result<void> check_model(const Json& model) {
  const auto refused = [](const std::string& what, const std::string& found) {
    return fail(ErrorKind::model, "the tokenizer's model " + what, "found " + fetch::shown(found),
                "docs/models.md lists the tokenizers that can be imported");
  };
  if (const std::string type = text_at(model, "type"); type != "BPE" && !(type.empty() && model.contains("merges"))) {
    return refused("is not BPE", type);
  }
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (const std::string affix = text_at(model, key); !affix.empty())
      return refused(std::string("has a ") + key, affix);
  }
  const auto dropout = model.find("dropout");
  if (dropout != model.end() && !dropout->is_null() && *dropout != 0.0) return refused("drops merges", dropout->dump());
  return {};
}

Result<void> read_byte_level(const Json& tokenizer, bool ignore_merges, internal::Vocabulary& vocabulary,
                             Tokenizer& out) {
  auto normalised = internal::check_byte_level_normalizer(tokenizer);
  if (!normalised) return base::pass_on(normalised);
  if (*normalised) {
    out.notes.emplace_back(
        "the tokenizer brings text into Unicode's form NFC first; the engine takes text as it comes");
  }
  auto pre = internal::name_pre_tokenizer(tokenizer, ignore_merges);
  if (!pre) return base::pass_on(pre);
  out.pre = std::move(*pre);
  for (const auto& [left, right] : vocabulary.merges) {
    // Blanks have a letter of their own in byte-level BPE; llama.cpp ends the first part at one.
    if (left.find(' ') != std::string::npos || right.find(' ') != std::string::npos) {
      return fail(ErrorKind::malformed, "tokenizer.json: a merge holds a blank", fetch::shown(left + " " + right));
    }
    out.merges.push_back(left + " " + right);
  }
  return {};
}

// tokenizer.json's table and tokenizer.model's are the same: each piece has its number there.
bool agree(const internal::Vocabulary& vocabulary, const SentencePieceModel& model) {
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    if (vocabulary.types[id] != TokenType::normal) continue;
    if (id >= model.pieces.size() || model.pieces[id].text != vocabulary.tokens[id]) return false;
  }
  return true;
}

// Of tokenizer.json. Its merges say less than the scores that they were made from; those count where they are there.
Result<void> read_merged(const TokenizerFiles& files, const internal::Vocabulary& vocabulary, Tokenizer& out) {
  auto spaces = internal::read_space_rules(files.tokenizer);
  if (!spaces) return base::pass_on(spaces);
  out.pre = "default";
  out.flags["add_space_prefix"] = spaces->prefix;
  const auto bytes = std::count(vocabulary.types.begin(), vocabulary.types.end(), TokenType::byte);
  if (bytes != 256) {
    return fail(ErrorKind::model, "the tokenizer lacks tokens for single bytes", std::to_string(bytes) + " of 256");
  }
  if (files.pieces && !spaces->splits_words && agree(vocabulary, *files.pieces)) {
    auto exact =
        internal::read_pieces(*files.pieces, files.tokenizer, static_cast<std::uint32_t>(vocabulary.tokens.size()));
    if (!exact) return base::pass_on(exact);
    out.scores = std::move(exact->scores);
    return {};
  }
  auto scores = internal::scores_of(vocabulary, spaces->splits_words);
  if (!scores) return base::pass_on(scores);
  out.scores = std::move(*scores);
  return {};
}

// Of tokenizer.model.
Result<void> read_scored(const TokenizerFiles& files, internal::Vocabulary& vocabulary, Tokenizer& out) {
  const SentencePieceModel& model = *files.pieces;
  out.pre = "default";
  out.scores = std::move(vocabulary.scores);
  const Json& config = files.tokenizer_config;
  out.flags["add_space_prefix"] =
      config.is_object() ? flag_at(config, "add_prefix_space", model.add_dummy_prefix) : model.add_dummy_prefix;
  if (model.maps_characters) {
    out.notes.emplace_back(
        "the tokenizer replaces characters by others first (NFKC); the engine takes text as it comes");
  }
  if (model.remove_extra_whitespaces) {
    out.notes.emplace_back("the tokenizer makes one blank of several; the engine leaves them, which code needs");
  }
  return {};
}

// Numbers without a token become unused ones, and no text may stand twice: llama.cpp ends the process over it.
Result<void> complete_tokens(Tokenizer& out) {
  std::unordered_set<std::string> seen;
  for (std::size_t id = 0; id < out.tokens.size(); ++id) {
    std::string& token = out.tokens[id];
    if (token.empty()) token = "[PAD" + std::to_string(id) + "]";
    // Text that a user writes holds blanks where the vocabulary has SentencePiece's sign for them.
    if (out.types[id] == TokenType::user_defined) {
      for (std::size_t at = token.find(kUnderline); at != std::string::npos; at = token.find(kUnderline, at + 1)) {
        token.replace(at, kUnderline.size(), " ");
      }
    }
    if (!seen.insert(token).second) {
      return fail(ErrorKind::malformed, "the tokenizer: a token stands twice", fetch::shown(token));
    }
  }
  return {};
}

}  // namespace

Result<Tokenizer> read_tokenizer(const TokenizerFiles& files, std::uint32_t vocabulary) {
  const Json nothing;
  const bool object = files.tokenizer.is_object();
  const Json& model = object && files.tokenizer.contains("model") ? files.tokenizer["model"] : nothing;
  const bool scored = object && model.is_null() && files.pieces;
  if (!scored && !model.is_object()) return fail(ErrorKind::malformed, "tokenizer.json: it has no model");
  if (auto sound = scored ? Result<void>() : check_model(model); !sound) return base::pass_on(sound);
  auto tables = scored ? internal::read_pieces(*files.pieces, files.tokenizer, vocabulary)
                       : internal::read_vocabulary(files.tokenizer, vocabulary);
  if (!tables) return base::pass_on(tables);
  Tokenizer out;
  out.byte_level = !scored && !flag_at(model, "byte_fallback", false);
  auto read = scored           ? read_scored(files, *tables, out)
              : out.byte_level ? read_byte_level(files.tokenizer, flag_at(model, "ignore_merges", false), *tables, out)
                               : read_merged(files, *tables, out);
  if (!read) return base::pass_on(read);
  out.tokens = std::move(tables->tokens);
  out.types = std::move(tables->types);
  if (auto special = internal::read_special_tokens(files, tables->ids, out); !special) return base::pass_on(special);
  if (auto complete = complete_tokens(out); !complete) return base::pass_on(complete);
  if (tables->dropped != 0) {
    out.notes.push_back("left out " + std::to_string(tables->dropped) +
                        " added tokens that the weights have no row for");
  }
  if (files.chat_template.size() > kTemplateCap) return fail(ErrorKind::limit, "a chat template of more than 1 MiB");
  out.chat_template = files.chat_template;
  return out;
}

void describe(const Tokenizer& tokenizer, GgufMetadata& metadata) {
  const std::string prefix = "tokenizer.ggml.";
  metadata.text(prefix + "model", tokenizer.byte_level ? "gpt2" : "llama");
  metadata.text(prefix + "pre", tokenizer.pre);
  metadata.texts(prefix + "tokens", tokenizer.tokens);
  if (!tokenizer.scores.empty()) metadata.f32s(prefix + "scores", tokenizer.scores);
  std::vector<std::int32_t> types;
  types.reserve(tokenizer.types.size());
  for (const TokenType type : tokenizer.types) types.push_back(static_cast<std::int32_t>(type));
  metadata.i32s(prefix + "token_type", types);
  if (tokenizer.byte_level) metadata.texts(prefix + "merges", tokenizer.merges);
  for (const auto& [key, id] : tokenizer.ids) metadata.u32(prefix + key, id);
  for (const auto& [key, value] : tokenizer.flags) metadata.flag(prefix + key, value);
  if (!tokenizer.chat_template.empty()) metadata.text("tokenizer.chat_template", tokenizer.chat_template);
}

}  // namespace blindbox::model
