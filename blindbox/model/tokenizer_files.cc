// SPDX-License-Identifier: Apache-2.0
// The files of a tokenizer out of a folder, the older forms brought into that of tokenizer.json.
#include <filesystem>
#include <set>
#include <sstream>

#include "blindbox/base/file.h"
#include "blindbox/model/internal/lfs_pointer.h"
#include "blindbox/model/tokenizer.h"

namespace blindbox::model {
namespace {

using base::fail;
using fetch::Json;

constexpr std::size_t kTokenizerCap = std::size_t{128} << 20;
constexpr std::size_t kSmallCap = std::size_t{8} << 20;

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored);
}

// Null where there is no such file.
Result<Json> optional_json(const std::string& path, std::size_t cap) {
  if (!exists(path)) return Json();
  auto text = base::read_file(path, cap);
  if (!text) return base::pass_on(text);
  if (auto whole = internal::refuse_pointer(*text, path); !whole) return base::pass_on(whole);
  return fetch::parse_json(*text, cap, path);
}

// The way of splitting that a class of transformers has, for folders of before tokenizer.json.
Result<Json> splitter_of(const Json& config) {
  const Json named = config.is_object() ? config.value("tokenizer_class", Json()) : Json();
  std::string name = named.is_string() ? named.get<std::string>() : std::string();
  if (name.ends_with("Fast")) name.resize(name.size() - 4);
  const Json bytes = {{"type", "ByteLevel"}, {"add_prefix_space", false}};
  if (name == "GPT2Tokenizer") return bytes;
  if (name == "Qwen2Tokenizer") {
    const char* const pattern =
        R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
    const Json split = {
        {"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}};
    const Json plain = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}};
    return Json{{"type", "Sequence"}, {"pretokenizers", Json::array({split, plain})}};
  }
  return fail(ErrorKind::model, "the folder has no tokenizer.json, and its tokenizer_class is not one that is known",
              "found " + fetch::shown(name) + ", known are GPT2Tokenizer and Qwen2Tokenizer",
              "save the tokenizer with a newer transformers, which writes tokenizer.json");
}

Json read_merges(const std::string& text) {
  Json out = Json::array();
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty() && !line.starts_with("#version")) out.push_back(line);
  }
  return out;
}

// The texts that special_tokens_map.json and tokenizer_config.json name as special ones.
std::set<std::string> special_texts(const Json& config, const Json& special) {
  std::set<std::string> out;
  const auto add = [&out](const Json& value) {
    if (value.is_string()) out.insert(value.get<std::string>());
    const auto content = value.is_object() ? value.find("content") : value.end();
    if (value.is_object() && content != value.end() && content->is_string()) out.insert(content->get<std::string>());
  };
  for (const Json* object : {&config, &special}) {
    if (!object->is_object()) continue;
    for (const auto& [key, value] : object->items()) {
      if (key.ends_with("_token")) add(value);
      if (!key.ends_with("special_tokens") || !value.is_array()) continue;
      for (const Json& entry : value) add(entry);
    }
  }
  return out;
}

// added_tokens.json has texts and numbers; "added_tokens_decoder" of the newer tokenizer_config.json, whose keys are the
// numbers, knows more of each and comes last. In the form of tokenizer.json's added_tokens.
Result<Json> read_added(const std::string& folder, const Json& config, const Json& special) {
  auto plain = optional_json(folder + "/added_tokens.json", kSmallCap);
  if (!plain) return base::pass_on(plain);
  const Json decoder = config.is_object() ? config.value("added_tokens_decoder", Json::object()) : Json::object();
  const std::set<std::string> known = special_texts(config, special);
  Json out = Json::array();
  if (plain->is_object()) {
    for (const auto& [text, id] : plain->items()) {
      if (decoder.is_object() && decoder.contains(id.dump())) continue;
      out.push_back({{"id", id}, {"content", text}, {"special", known.contains(text)}});
    }
  }
  if (!decoder.is_object()) return out;
  for (const auto& [id, entry] : decoder.items()) {
    if (!entry.is_object() || id.empty() || id.size() > 9 || id.find_first_not_of("0123456789") != std::string::npos) {
      return fail(ErrorKind::malformed, "tokenizer_config.json: an added token without a number");
    }
    Json token = entry;
    token["id"] = static_cast<std::uint32_t>(std::stoul(id));
    out.push_back(std::move(token));
  }
  return out;
}

// Of vocab.json and merges.txt.
Result<Json> assemble(const std::string& folder, const Json& config, Json added) {
  auto vocab = optional_json(folder + "/vocab.json", kTokenizerCap);
  if (!vocab) return base::pass_on(vocab);
  if (vocab->is_null() || !exists(folder + "/merges.txt")) {
    return fail(ErrorKind::model, folder + " has no tokenizer",
                "neither tokenizer.json nor tokenizer.model nor vocab.json with merges.txt");
  }
  auto merges = base::read_file(folder + "/merges.txt", kTokenizerCap);
  if (!merges) return base::pass_on(merges);
  auto splitter = splitter_of(config);
  if (!splitter) return base::pass_on(splitter);
  const Json model = {
      {"type", "BPE"}, {"vocab", std::move(*vocab)}, {"merges", read_merges(std::string(base::as_text(*merges)))}};
  return Json{{"model", model},
              {"pre_tokenizer", std::move(*splitter)},
              {"added_tokens", std::move(added)},
              {"post_processor", {{"type", "ByteLevel"}}}};
}

// Beside a tokenizer.json it need not be SentencePiece's: some repositories keep a file of tiktoken under that name.
Result<void> find_pieces(const std::string& folder, TokenizerFiles& out) {
  const std::string path = folder + "/tokenizer.model";
  if (!exists(path)) return {};
  auto bytes = base::read_file(path, kTokenizerCap);
  if (!bytes) return base::pass_on(bytes);
  if (auto whole = internal::refuse_pointer(*bytes, path); !whole) return base::pass_on(whole);
  auto pieces = read_sentencepiece(*bytes);
  if (pieces) out.pieces = std::move(*pieces);
  return pieces || !out.tokenizer.is_null() ? Result<void>() : base::pass_on(pieces);
}

// "chat_template" is a text, or a list of named ones.
std::string chat_template_in(const Json& object) {
  const auto found = object.find("chat_template");
  if (found == object.end()) return {};
  if (found->is_string()) return found->get<std::string>();
  if (!found->is_array()) return {};
  for (const Json& entry : *found) {
    if (!entry.is_object() || entry.value("name", Json()) != "default") continue;
    if (const Json text = entry.value("template", Json()); text.is_string()) return text.get<std::string>();
  }
  return {};
}

Result<void> find_chat_template(const std::string& folder, TokenizerFiles& out) {
  if (out.tokenizer_config.is_object()) out.chat_template = chat_template_in(out.tokenizer_config);
  if (!out.chat_template.empty()) return {};
  if (exists(folder + "/chat_template.jinja")) {
    auto text = base::read_file(folder + "/chat_template.jinja", kSmallCap);
    if (!text) return base::pass_on(text);
    out.chat_template = base::as_text(*text);
    return {};
  }
  auto other = optional_json(folder + "/chat_template.json", kSmallCap);
  if (!other) return base::pass_on(other);
  if (other->is_object()) out.chat_template = chat_template_in(*other);
  return {};
}

}  // namespace

Result<TokenizerFiles> load_tokenizer_files(const std::string& folder) {
  TokenizerFiles out;
  auto config = optional_json(folder + "/tokenizer_config.json", kSmallCap);
  if (!config) return base::pass_on(config);
  auto special = optional_json(folder + "/special_tokens_map.json", kSmallCap);
  if (!special) return base::pass_on(special);
  auto model = optional_json(folder + "/config.json", kSmallCap);
  if (!model) return base::pass_on(model);
  auto tokenizer = optional_json(folder + "/tokenizer.json", kTokenizerCap);
  if (!tokenizer) return base::pass_on(tokenizer);
  out.tokenizer = std::move(*tokenizer);
  if (auto found = find_pieces(folder, out); !found) return base::pass_on(found);
  if (out.tokenizer.is_null()) {
    auto added = read_added(folder, *config, *special);
    if (!added) return base::pass_on(added);
    auto made = out.pieces ? Result<Json>(Json{{"added_tokens", std::move(*added)}})
                           : assemble(folder, *config, std::move(*added));
    if (!made) return base::pass_on(made);
    out.tokenizer = std::move(*made);
  }
  out.tokenizer_config = config->is_null() ? Json::object() : std::move(*config);
  if (special->is_object()) {
    for (const auto& [key, value] : special->items()) {
      if (!out.tokenizer_config.contains(key)) out.tokenizer_config[key] = value;
    }
  }
  out.model_config = std::move(*model);
  if (auto found = find_chat_template(folder, out); !found) return base::pass_on(found);
  return out;
}

}  // namespace blindbox::model
