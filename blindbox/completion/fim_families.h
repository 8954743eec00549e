// SPDX-License-Identifier: Apache-2.0
// How the families of code models write the markers around a hole, and between the files of a repository. One table
// serves both ends: the tokens of the model that is loaded, and the raw prompts that clients write for another one.
#pragma once

#include <array>
#include <span>
#include <string_view>

namespace blindbox::completion {

// psm: <prefix>P<suffix>S<middle>. spm: <prefix><suffix>S<middle>P, the order in which a keystroke only extends what the
// model has already read. suffix_first: <suffix>S<prefix>P, without a middle.
enum class FimOrder { psm, spm, suffix_first };

struct FimFamily {
  std::string_view prefix;
  std::string_view suffix;
  std::string_view middle;
  FimOrder order = FimOrder::psm;  // in which the loaded model is asked
  // Between the files of a repository; empty where the family has none of it.
  std::string_view repository = {};
  std::string_view file = {};
  bool spaced = false;  // written out, a blank stands behind the prefix marker and before the two others
};

// docs/models.md has them for readers. DeepSeek's "hole" stands where the suffix begins, its "end" where the middle does.
[[nodiscard]] std::span<const FimFamily> fim_families();

}  // namespace blindbox::completion
