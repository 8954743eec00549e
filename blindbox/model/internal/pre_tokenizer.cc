// SPDX-License-Identifier: Apache-2.0
#include "blindbox/model/internal/pre_tokenizer.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

namespace blindbox::model::internal {
namespace {

using base::fail;
using fetch::Json;

constexpr std::string_view kUnderline = "\xE2\x96\x81";  // U+2581, SentencePiece's blank
constexpr std::size_t kMaxSteps = 32;

// The patterns as tokenizer.json files have them.
constexpr std::string_view kGpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kDigit = R"(\p{N})";
constexpr std::string_view kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kSeedCoder =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|\\s*[\\r\\n]+|"
    "\\s+(?!\\S)|\\s+";

struct Way {
  std::string_view name;
  std::vector<std::string_view> steps;  // patterns; each splits what the one before it left
  bool ignores_merges = false;
};

const std::vector<Way>& ways() {
  static const std::vector<Way> kWays = {
      {"gpt-2", {kGpt2}},
      {"starcoder", {kDigit, kGpt2}},
      {"qwen2", {kQwen2}},
      {"llama-bpe", {kLlama3}, true},
      {"dbrx", {kLlama3}},
      {"seed-coder", {kSeedCoder}},
      {"deepseek-coder", {"[\r\n]", R"(\s?\p{L}+)", R"(\s?\p{P}+)", "[一-龥ࠀ-一가-퟿]+", kDigit}},
  };
  return kWays;
}

std::string text_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool flag_at(const Json& object, const char* key, bool otherwise) {
  const auto found = object.find(key);
  return found != object.end() && found->is_boolean() ? found->get<bool>() : otherwise;
}

// A step of a "Sequence" or the one there is; a sequence within a sequence is flattened. Nothing where it is no list.
std::optional<std::vector<Json>> steps_of(const Json& tokenizer, const char* key, const char* list) {
  const auto found = tokenizer.find(key);
  std::vector<Json> out;
  if (found == tokenizer.end() || found->is_null()) return out;
  std::vector<Json> open = {*found};
  while (!open.empty()) {
    const Json step = std::move(open.back());
    open.pop_back();
    if (!step.is_object() || out.size() > kMaxSteps) return std::nullopt;
    if (text_at(step, "type") != "Sequence") {
      out.push_back(step);
      continue;
    }
    const auto inner = step.find(list);
    if (inner == step.end() || !inner->is_array() || inner->size() > kMaxSteps) return std::nullopt;
    open.insert(open.end(), inner->rbegin(), inner->rend());
  }
  return out;
}

std::string describe_steps(const std::vector<Json>& steps) {
  std::string out;
  for (const Json& step : steps) {
    out += (out.empty() ? "" : ", ") + step.dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  constexpr std::size_t kShown = 600;
  if (out.size() > kShown) out = out.substr(0, kShown) + "...";
  return out.empty() ? "none" : out;
}

// The pattern by which a step splits; "" for the byte-level one that only spells bytes, nothing for any other step.
std::optional<std::string> pattern_of(const Json& step) {
  const std::string type = text_at(step, "type");
  if (type == "Digits" && flag_at(step, "individual_digits", false)) return std::string(kDigit);
  if (type == "ByteLevel" && !flag_at(step, "add_prefix_space", true)) {
    return flag_at(step, "use_regex", true) ? std::string(kGpt2) : std::string();
  }
  if (type != "Split") return std::nullopt;
  // Each match alone; or only the matches, of patterns that leave nothing out.
  const std::string behaviour = text_at(step, "behavior");
  const bool inverted = flag_at(step, "invert", false);
  const auto pattern = step.find("pattern");
  if (pattern == step.end() || !pattern->is_object()) return std::nullopt;
  std::string regex = text_at(*pattern, "Regex");
  if (regex.empty()) return std::nullopt;
  const bool whole = regex.ends_with("|\\s+");
  if (!(behaviour == "Isolated" && !inverted) && !(behaviour == "Removed" && inverted && whole)) return std::nullopt;
  return regex;
}

tl::unexpected<Error> unknown(const char* what, const std::vector<Json>& steps) {
  return fail(ErrorKind::model, std::string("the tokenizer ") + what + " in a way that the engine does not know",
              "found " + describe_steps(steps), "docs/models.md lists the tokenizers that can be imported");
}

}  // namespace

Result<std::string> name_pre_tokenizer(const Json& tokenizer, bool ignore_merges) {
  const auto steps = steps_of(tokenizer, "pre_tokenizer", "pretokenizers");
  if (!steps) return unknown("splits text", {});
  std::vector<std::string> patterns;
  for (const Json& step : *steps) {
    auto pattern = pattern_of(step);
    if (!pattern) return unknown("splits text", *steps);
    if (!pattern->empty()) patterns.push_back(std::move(*pattern));
  }
  const bool spells_bytes = !steps->empty() && text_at(steps->back(), "type") == "ByteLevel";
  for (const Way& way : ways()) {
    if (spells_bytes && way.ignores_merges == ignore_merges &&
        std::equal(patterns.begin(), patterns.end(), way.steps.begin(), way.steps.end())) {
      return std::string(way.name);
    }
  }
  return unknown(ignore_merges ? "splits text and ignores merges" : "splits text", *steps);
}

Result<bool> check_byte_level_normalizer(const Json& tokenizer) {
  const auto steps = steps_of(tokenizer, "normalizer", "normalizers");
  if (!steps) return unknown("normalises text", {});
  for (const Json& step : *steps) {
    if (text_at(step, "type") != "NFC") return unknown("normalises text", *steps);
  }
  return !steps->empty();
}

Result<SpaceRules> read_space_rules(const Json& tokenizer) {
  SpaceRules out;
  const auto normal = steps_of(tokenizer, "normalizer", "normalizers");
  const auto pre = steps_of(tokenizer, "pre_tokenizer", "pretokenizers");
  if (!normal || !pre) return unknown("normalises text", {});
  bool replaces = false;
  for (const Json& step : *normal) {
    const std::string type = text_at(step, "type");
    const auto pattern = step.find("pattern");
    const bool blank = pattern != step.end() && pattern->is_object() && text_at(*pattern, "String") == " ";
    if (type == "Prepend" && text_at(step, "prepend") == kUnderline && !replaces) {
      out.prefix = true;
    } else if (type == "Replace" && blank && text_at(step, "content") == kUnderline) {
      replaces = true;
    } else {
      return unknown("normalises text", *normal);
    }
  }
  for (const Json& step : *pre) {
    if (text_at(step, "type") != "Metaspace" || text_at(step, "replacement") != kUnderline || pre->size() != 1) {
      return unknown("splits text", *pre);
    }
    const std::string scheme = text_at(step, "prepend_scheme");
    replaces = true;
    out.prefix = out.prefix || (scheme.empty() ? flag_at(step, "add_prefix_space", true) : scheme != "never");
    out.splits_words = flag_at(step, "split", true);
  }
  if (!replaces) return unknown("treats blanks", *normal);
  return out;
}

}  // namespace blindbox::model::internal
