// SPDX-License-Identifier: Apache-2.0
// Models from a hub that speaks the protocol of Hugging Face's: a repository's files with their digests at one commit,
// then the files. Weights are taken as safetensors or GGUF; what could hold code (pickles, Python) is never fetched.
#pragma once

#include <string>
#include <vector>

#include "blindbox/model/download.h"

namespace blindbox::model {

struct Hub {
  std::string endpoint = "https://huggingface.co";
  std::string token{};  // "" for none; goes to the endpoint alone
  fetch::Reach reach{};
};
// HF_ENDPOINT and HF_TOKEN, as the hub's own client reads them.
[[nodiscard]] Hub hub_of_environment();

struct HubReference {
  std::string repository;  // "owner/name", or "name"
  std::string revision = "main";
};
// "REPO" or "REPO@REVISION". ErrorKind::usage.
[[nodiscard]] Result<HubReference> parse_hub_reference(const std::string& text);

struct HubFile {
  std::string path;
  std::uint64_t bytes = 0;  // 0: not said
  std::string sha256;       // of files in large file storage, hexadecimal
  std::string git_sha1;     // of the others
};
struct HubListing {
  std::string commit;
  std::vector<HubFile> files;
};
// Of the text of GET /api/models/REPO/revision/REVISION?blobs=true. ErrorKind::malformed, ErrorKind::limit.
[[nodiscard]] Result<HubListing> read_listing(ByteView text);

struct Pulled {
  std::string commit;
  std::string gguf;  // the file's name, where the weights are one; else the folder is to be imported
  std::vector<SourceFile> files;
};
// Into folder, which exists. file: this GGUF file of the repository; "" for the safetensors, or for the one GGUF file
// that there is. ErrorKind::model where the repository has neither; ErrorKind::forbidden where a token is wanted.
[[nodiscard]] Result<Pulled> pull(const Hub& hub, const HubReference& reference, const std::string& file,
                                  const std::string& folder, const DownloadProgress& progress,
                                  const std::stop_token& stop);

// One file from anywhere, which must have this digest. http:// goes to loopback addresses alone.
[[nodiscard]] Result<SourceFile> pull_url(const std::string& url, const std::string& sha256, const std::string& target,
                                          const fetch::Reach& reach, const DownloadProgress& progress,
                                          const std::stop_token& stop);

}  // namespace blindbox::model
