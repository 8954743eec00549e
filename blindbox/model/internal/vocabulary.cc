// SPDX-License-Identifier: Apache-2.0
#include "blindbox/model/internal/vocabulary.h"

#include <algorithm>
#include <set>
#include <unordered_set>

namespace blindbox::model::internal {
namespace {

using base::fail;
using fetch::Json;

constexpr std::string_view kUnderline = "\xE2\x96\x81";
constexpr std::size_t kMaxToken = 4096;
constexpr std::size_t kMaxMerges = 4U << 20;

tl::unexpected<Error> bad(const std::string& what, const std::string& detail = {}) {
  return fail(ErrorKind::malformed, "the tokenizer: " + what, fetch::shown(detail));
}

// Tokens that ought to be control tokens and that some models do not mark: as llama.cpp's converter sees it.
bool looks_special(std::string_view token) {
  return token == "<pad>" || token == "<mask>" || (token.starts_with("<|") && token.ends_with("|>")) ||
         (token.starts_with("<｜") && token.ends_with("｜>")) || (token.starts_with("<unused") && token.ends_with(">"));
}

bool is_byte_token(std::string_view token) {
  constexpr std::string_view kDigits = "0123456789ABCDEFabcdef";
  return token.size() == 6 && token.starts_with("<0x") && token.ends_with(">") &&
         kDigits.find(token[3]) != std::string_view::npos && kDigits.find(token[4]) != std::string_view::npos;
}

class TableReader {
 public:
  TableReader(const Json& tokenizer, std::uint32_t size) : tokenizer_(tokenizer) {
    out_.tokens.resize(size);
    out_.types.resize(size, TokenType::unused);
  }

  Result<Vocabulary> run(const SentencePieceModel& model) {
    constexpr float kNoPiece = -10000, kAdded = -1000;  // as llama.cpp's converter has them
    out_.scores.resize(out_.tokens.size(), kNoPiece);
    replaces_ = true;
    for (std::size_t id = 0; id < model.pieces.size(); ++id) {
      const SentencePiece& piece = model.pieces[id];
      if (auto done = place(piece.text, id, piece.type); !done) return base::pass_on(done);
      out_.scores[id] = piece.score;
    }
    if (auto done = read_added(); !done) return base::pass_on(done);
    for (const std::uint32_t id : added_) out_.scores[id] = kAdded;
    return std::move(out_);
  }

  Result<Vocabulary> run() {
    const auto model = tokenizer_.find("model");
    if (model == tokenizer_.end() || !model->is_object()) return bad("it has no model");
    if (auto done = read_tokens(*model); !done) return base::pass_on(done);
    if (auto done = read_added(); !done) return base::pass_on(done);
    if (auto done = read_merges(*model); !done) return base::pass_on(done);
    return std::move(out_);
  }

 private:
  Result<void> place(const std::string& token, const Json& number, TokenType type) {
    if (!number.is_number_unsigned() || number.get<std::uint64_t>() >= out_.tokens.size()) {
      return bad("a token's number is not below config.json's vocab_size", token + ": " + number.dump());
    }
    const auto id = number.get<std::uint32_t>();
    if (token.empty() || token.size() > kMaxToken || token.find('\0') != std::string::npos) {
      return bad("a token is empty, too long or holds a zero byte", token);
    }
    if (!out_.tokens[id].empty() && out_.tokens[id] != token) {
      if (replaces_) out_.ids.erase(out_.tokens[id]);
      if (!replaces_) return bad("two tokens have one number", out_.tokens[id] + " and " + token);
    }
    const auto [known, fresh] = out_.ids.emplace(token, id);
    if (!fresh && known->second != id) return bad("a token has two numbers", token);
    out_.tokens[id] = token;
    out_.types[id] = type;
    return {};
  }

  Result<void> read_tokens(const Json& model) {
    const auto vocab = model.find("vocab");
    if (vocab == model.end() || !vocab->is_object() || vocab->empty()) return bad("its model has no vocabulary");
    const bool bytes = model.value("byte_fallback", Json()) == true;
    for (const auto& [token, id] : vocab->items()) {
      const TokenType type = bytes && is_byte_token(token) ? TokenType::byte : TokenType::normal;
      if (auto done = place(token, id, type); !done) return done;
    }
    return {};
  }

  Result<void> read_added() {
    const auto added = tokenizer_.find("added_tokens");
    if (added == tokenizer_.end() || added->is_null()) return {};
    if (!added->is_array()) return bad("its added_tokens are no list");
    for (const Json& entry : *added) {
      if (!entry.is_object() || !entry.contains("id") || !entry.value("content", Json()).is_string()) {
        return bad("an added token lacks its text or number");
      }
      const std::string token = entry["content"];
      if (entry["id"].is_number_unsigned() && entry["id"].get<std::uint64_t>() >= out_.tokens.size()) {
        ++out_.dropped;
        continue;
      }
      const bool special = entry.value("special", Json()) == true || looks_special(token);
      if (auto done = place(token, entry["id"], special ? TokenType::control : TokenType::user_defined); !done)
        return done;
      added_.push_back(entry["id"].get<std::uint32_t>());
    }
    return {};
  }

  Result<void> read_merges(const Json& model) {
    const auto merges = model.find("merges");
    if (merges == model.end() || !merges->is_array()) return bad("its model has no merges");
    if (merges->size() > kMaxMerges) return fail(ErrorKind::limit, "the tokenizer: too many merges");
    for (const Json& entry : *merges) {
      std::string left, right;
      if (entry.is_string()) {
        const auto& text = entry.get_ref<const std::string&>();
        const std::size_t blank = text.find(' ', 1);
        if (blank == std::string::npos) return bad("a merge has no blank in it", text);
        left = text.substr(0, blank);
        right = text.substr(blank + 1);
      } else if (entry.is_array() && entry.size() == 2 && entry[0].is_string() && entry[1].is_string()) {
        left = entry[0];
        right = entry[1];
      } else {
        return bad("a merge is no pair");
      }
      if (!out_.ids.contains(left) || !out_.ids.contains(right) || !out_.ids.contains(left + right)) {
        return bad("a merge is of or makes what is no token", left + " " + right);
      }
      out_.merges.emplace_back(std::move(left), std::move(right));
    }
    return {};
  }

  const Json& tokenizer_;
  bool replaces_ = false;
  std::vector<std::uint32_t> added_;
  Vocabulary out_;
};

bool is_inside(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

bool is_normal(const Vocabulary& vocabulary, const std::string& token) {
  const auto found = vocabulary.ids.find(token);
  return found != vocabulary.ids.end() && vocabulary.types[found->second] == TokenType::normal;
}

}  // namespace

Result<Vocabulary> read_vocabulary(const Json& tokenizer, std::uint32_t size) {
  return TableReader(tokenizer, size).run();
}

Result<Vocabulary> read_pieces(const SentencePieceModel& model, const Json& tokenizer, std::uint32_t size) {
  return TableReader(tokenizer, size).run(model);
}

// llama.cpp joins any two neighbours that make a token, the best score first. The merges must say the same: each pair of
// tokens that makes a token is listed, and those that make one token stand together, as in every tokenizer that was
// converted from SentencePiece.
Result<std::vector<float>> scores_of(const Vocabulary& vocabulary, bool splits_words) {
  const auto other = [](const std::string& why, const std::string& detail) {
    return fail(ErrorKind::model, "the tokenizer's merges are not those of a SentencePiece model: " + why,
                fetch::shown(detail), "docs/models.md lists the tokenizers that can be imported");
  };
  std::vector<float> scores(vocabulary.tokens.size(), -static_cast<float>(vocabulary.merges.size()) - 1);
  std::unordered_set<std::string> made, pairs;
  std::string last;
  for (std::size_t rank = 0; rank < vocabulary.merges.size(); ++rank) {
    const auto& [left, right] = vocabulary.merges[rank];
    const std::string result = left + right;
    pairs.insert(left + ' ' + right);
    if (result == last) continue;
    if (!made.insert(result).second) return other("those that make one token stand apart", result);
    scores[vocabulary.ids.at(result)] = -static_cast<float>(rank);
    last = result;
  }
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const std::string& token = vocabulary.tokens[id];
    if (vocabulary.types[id] != TokenType::normal) {
      if (vocabulary.types[id] != TokenType::byte) scores[id] = -1000;
      continue;
    }
    if (splits_words && token.find(kUnderline, 1) != std::string::npos) {
      return other("it splits text into words and has tokens that cross them", token);
    }
    for (std::size_t at = 1; at < token.size(); ++at) {
      if (is_inside(token[at])) continue;
      const std::string left = token.substr(0, at), right = token.substr(at);
      if (is_normal(vocabulary, left) && is_normal(vocabulary, right) && !pairs.contains(left + ' ' + right)) {
        return other("a pair that makes a token is not among them", left + " " + right);
      }
    }
  }
  return scores;
}

}  // namespace blindbox::model::internal
