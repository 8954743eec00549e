// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/fim_families.h"

namespace blindbox::completion {
namespace {

// Where two families share their spelling, the one whose file markers the vocabulary has counts.
constexpr std::array kFamilies = {
    // SantaCoder, trained with both orders
    FimFamily{"<fim-prefix>", "<fim-suffix>", "<fim-middle>", FimOrder::spm},
    // StarCoder2; StarCoder and Granite 3 have no file separator and keep to the frame alone
    FimFamily{"<fim_prefix>", "<fim_suffix>", "<fim_middle>", FimOrder::psm, "<repo_name>", "<file_sep>"},
    // Qwen2.5-Coder, Granite 4
    FimFamily{"<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", FimOrder::psm, "<|repo_name|>", "<|file_sep|>"},
    // CodeGemma, with another name for the separator
    FimFamily{"<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", FimOrder::psm, "", "<|file_separator|>"},
    // DeepSeek-Coder
    FimFamily{"<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"},
    // CodeLlama: as its vocabulary and its own prompts write them, and as clients do
    FimFamily{"▁<PRE>", "▁<SUF>", "▁<MID>", FimOrder::psm, "", "", true},
    FimFamily{"<PRE>", "<SUF>", "<MID>", FimOrder::psm, "", "", true},
    // Codestral
    FimFamily{"[PREFIX]", "[SUFFIX]", "[MIDDLE]", FimOrder::suffix_first},
};

}  // namespace

std::span<const FimFamily> fim_families() { return kFamilies; }

}  // namespace blindbox::completion
