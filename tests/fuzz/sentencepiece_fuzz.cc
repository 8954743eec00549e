// SPDX-License-Identifier: Apache-2.0
// A tokenizer.model that is accepted has pieces that are text, none twice, with scores that are numbers and ids that are
// pieces; a tokenizer made of it has one text, type and score for each row.
#include <cmath>
#include <set>

#include "blindbox/model/tokenizer.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using blindbox::fuzz::must;
  namespace model = blindbox::model;
  auto pieces = model::read_sentencepiece(blindbox::fuzz::input(data, size));
  if (!pieces) return 0;
  std::set<std::string> texts;
  for (const model::SentencePiece& piece : pieces->pieces) {
    must(!piece.text.empty() && blindbox::base::is_utf8(piece.text), "a piece is text");
    must(texts.insert(piece.text).second, "no piece twice");
    must(std::isfinite(piece.score), "a score is a number");
  }
  for (const std::int32_t id : {pieces->unk_id, pieces->bos_id, pieces->eos_id, pieces->pad_id}) {
    must(id >= -1 && id < static_cast<std::int32_t>(pieces->pieces.size()), "an id is a piece");
  }
  const auto rows = static_cast<std::uint32_t>(pieces->pieces.size() + 3);
  model::TokenizerFiles files;
  files.pieces = std::move(*pieces);
  files.tokenizer = {{"added_tokens", {{{"id", rows - 1}, {"content", "<added>"}}}}};
  const auto tokenizer = model::read_tokenizer(files, rows);
  if (!tokenizer) return 0;
  must(tokenizer->tokens.size() == rows && tokenizer->types.size() == rows && tokenizer->scores.size() == rows,
       "one for each row");
  for (const auto& [key, id] : tokenizer->ids) must(id < rows, "special tokens are rows");
  return 0;
}
