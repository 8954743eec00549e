// SPDX-License-Identifier: Apache-2.0
// A verdict for people and for programs.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "blindbox/verifier/verdict.h"

namespace blindbox::verifier {

// "EMULATED, NOT A TEE", as every output about an emulated guest must say.
inline constexpr std::string_view kEmulatedBanner = "EMULATED, NOT A TEE";

struct TableOptions {
  bool colour = false;
  bool explain = false;  // below each check its purpose, in a sentence, and its clause
};

// An aligned table: check, outcome, expected, found. Long hexadecimal is shortened in the middle; control characters
// (texts may come from the evidence) are replaced. A banner stands above and below where the evidence is emulated.
[[nodiscard]] std::string render_table(const Verdict& verdict, const TableOptions& options = {});

// How far the evidence came, in one word: "accepted", or what it is not: "malformed", "not_authentic",
// "not_acceptable".
[[nodiscard]] const char* verdict_stage(const Verdict& verdict);

// {"verdict","stage","emulated","judged_at","checks":[{"id","stage","outcome","expected","actual","reference",
// "purpose"}]}, nothing shortened: docs/verdict.schema.json. Texts need not be UTF-8: dump with a replacing handler.
[[nodiscard]] nlohmann::json to_json(const Verdict& verdict);
[[nodiscard]] std::string render_json(const Verdict& verdict);
// SHA-256 of to_json() on one line, in hexadecimal.
[[nodiscard]] std::string verdict_digest(const Verdict& verdict);

// Runs of more than 20 hexadecimal digits become "3f2a91c0...07d2e4a1".
[[nodiscard]] std::string shorten_hex(std::string_view text);

// Names and texts in a certificate or a manifest may hold anything: no escape sequence may reach a terminal or a log.
// Whatever is not printable ASCII becomes a question mark.
[[nodiscard]] std::string printable(std::string text);

}  // namespace blindbox::verifier
