// SPDX-License-Identifier: Apache-2.0
// did:x509 against the vectors of its specification, and Microsoft's own example.
#include "blindbox/endorsements/did_x509.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/vectors/vectors.h"

namespace blindbox {
namespace {

using endorsements::Path;

Bytes from_base64url(std::string text) {
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  text.append((4 - text.size() % 4) % 4, '=');
  return base::from_base64(text).value();
}

// Resolution as the specification has it, without dates.
Result<void> resolve(const std::string& did, const std::vector<Bytes>& chain) {
  const auto path = Path::parse({chain.begin(), chain.end()});
  if (!path) return tl::unexpected<Error>(path.error());
  auto result = check_path(*path, std::nullopt);
  return result ? check_did_x509(did, *path) : result;
}

TEST(DidX509, ResolvesAsTheSpecificationsVectorsSay) {
  BLINDBOX_NEED_VECTORS();
  const auto cases = nlohmann::json::parse(base::as_text(vectors::read_evidence("aci/did-x509/test-vectors.json")));
  std::size_t valid = 0;
  for (const auto& row : cases) {
    std::vector<Bytes> chain;
    for (const std::string der : row["input"]["chain"]) chain.push_back(from_base64url(der));
    const auto result = resolve(row["input"]["did"], chain);
    const auto& output = row["output"];
    EXPECT_EQ(result.has_value(), output.contains("document"))
        << row["id"] << ": " << (result ? "resolved" : result.error().what) << "; " << output.value("error", "");
    if (result) ++valid;
  }
  EXPECT_EQ(cases.size(), 58U);
  EXPECT_EQ(valid, 24U);
}

TEST(DidX509, ResolvesMicrosoftsExample) {
  BLINDBOX_NEED_VECTORS();
  const std::vector<Bytes> chain = vectors::read_pems("aci/did-x509/ms-code-signing.pem");
  ASSERT_EQ(chain.size(), 3U);
  const std::string authority = "did:x509:0:sha256:hH32p4SXlD8n_HLrk_mmNzIKArVh0KkbCeh6eAftfGE";
  const auto result = resolve(authority + "::subject:CN:Microsoft%20Corporation", chain);
  EXPECT_TRUE(result) << result.error().what;
  EXPECT_FALSE(resolve(authority + "::subject:CN:Microsoft+Corporation", chain)) << "a plus is no space";
  EXPECT_FALSE(resolve(authority + "::subject:CN:Microsoft Corporation", chain)) << "a space is encoded";
  EXPECT_FALSE(resolve(authority + "::subject:CN:Microsoft%2", chain));
  EXPECT_FALSE(resolve(authority + "::subject:CN:", chain));
  EXPECT_FALSE(resolve(authority + "::eku:", chain));
  EXPECT_FALSE(resolve(authority + "::", chain));
  EXPECT_FALSE(resolve(authority + ":::subject:CN:Microsoft%20Corporation", chain));
  EXPECT_FALSE(resolve("", chain));
}

}  // namespace
}  // namespace blindbox
