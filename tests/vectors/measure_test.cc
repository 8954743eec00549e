// SPDX-License-Identifier: Apache-2.0
// Layers and launch digests whose values another implementation gave: those beside this file (expected.tsv holds what
// hcsshim 0.13's converter said of them), and those outside the repository.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "blindbox/base/file.h"
#include "blindbox/measure/container_policy.h"
#include "blindbox/measure/launch_digest.h"
#include "blindbox/measure/layer.h"

namespace blindbox::measure {
namespace {

namespace fs = std::filesystem;

fs::path made() { return fs::path(BLINDBOX_SOURCE_DIR) / "tests" / "vectors" / "layers"; }

fs::path foreign(const char* folder) {
  const char* configured = std::getenv("BLINDBOX_VECTORS");
  return (configured != nullptr ? fs::path(configured) : fs::path(BLINDBOX_SOURCE_DIR) / ".." / "shared" / "vectors") /
         folder;
}

std::vector<std::vector<std::string>> rows(const fs::path& file) {
  std::ifstream in(file);
  EXPECT_TRUE(in) << file;
  std::vector<std::vector<std::string>> out;
  for (std::string line; std::getline(in, line);) {
    std::istringstream cells(line);
    auto& row = out.emplace_back();
    for (std::string cell; std::getline(cells, cell, '\t');) row.push_back(cell);
  }
  if (!out.empty()) out.erase(out.begin());
  return out;
}

// ext4 is "ERROR" where the converter refused; why is part of its message.
void compare(const fs::path& file, const std::string& ext4, const std::string& size, const std::string& root,
             const std::string& why = "") {
  SCOPED_TRACE(file.filename().string());
  const auto measured = measure_layer(file.string());
  if (ext4 == "ERROR") {
    ASSERT_FALSE(measured);
    EXPECT_EQ(measured.error().kind, ErrorKind::malformed);
    EXPECT_NE(measured.error().detail.find(why), std::string::npos) << measured.error().detail;
    return;
  }
  ASSERT_TRUE(measured) << measured.error().what << " " << measured.error().detail;
  EXPECT_EQ(base::to_hex(measured->ext4_sha256), ext4);
  EXPECT_EQ(std::to_string(measured->ext4_size), size);
  EXPECT_EQ(base::to_hex(measured->root_hash), root);
}

TEST(MadeLayers, GiveWhatTheHostsConverterGave) {
  const auto cases = rows(made() / "expected.tsv");
  ASSERT_GE(cases.size(), 20U);
  for (const auto& row : cases) {
    ASSERT_EQ(row.size(), 4U);
    compare(made() / row[0], row[1], row[2], row[3]);
  }
}

TEST(ForeignLayers, GiveWhatTheHostsConverterGave) {
  if (!fs::exists(foreign("tar2ext4"))) GTEST_SKIP() << "SKIPPED: no layers at hand; set BLINDBOX_VECTORS";
  std::size_t compared = 0;
  for (const auto& row : rows(foreign("tar2ext4") / "expected.tsv")) {
    ASSERT_EQ(row.size(), 5U);
    const fs::path file = foreign("tar2ext4") / row[0];
    if (!fs::exists(file)) continue;  // 15-big is made by its own test
    const std::string why = row[2] == "ERROR" ? row[4].substr(4) : "";
    compare(file, row[2], row[3], row[4], why);
    ++compared;
  }
  EXPECT_GE(compared, 23U);
}

long peak_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stol(line.substr(6));
  }
  return 0;
}

std::string header(const std::string& name, const std::string& size) {
  std::string block(512, '\0');
  const auto put = [&block](std::size_t at, const std::string& text) { block.replace(at, text.size(), text); };
  put(0, name);
  put(100, "0000644");
  put(108, "0000000");
  put(116, "0000000");
  put(124, size);
  put(136, "14524770400");  // 1700000000
  put(156, "0");
  put(257, std::string("ustar\0"
                       "00",
                       8));
  put(329, "0000000");
  put(337, "0000000");
  put(148, "        ");
  unsigned sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  std::ostringstream octal;
  octal << std::oct << sum;
  put(148, std::string(6 - octal.str().size(), '0') + octal.str() + std::string("\0 ", 2));
  return block;
}

// 700 MiB of zeros and a file behind them, as tar2ext4's case 15-big; the archive's own holes cost no disk.
TEST(BigLayer, IsMeasuredInLittleMemory) {
  constexpr std::uint64_t kSize = std::uint64_t{700} << 20;
  const fs::path file = fs::temp_directory_path() / ("blindbox-big-" + std::to_string(::getpid()) + ".tar");
  {
    std::ofstream out(file, std::ios::binary);
    out << header("big", "05360000000");
    out.seekp(512 + kSize);
    out << header("after", "00000000005") << "after" << std::string(507, '\0');
  }
  fs::resize_file(file, 734014464);  // tarfile's records of 10 KiB
  const long before = peak_kib();
  compare(file, "3cf0e40d6fc2af9c9a13168c3a85475f8b25a72a39e25cdb590ec214ee64f4ad", "734130176",
          "f7fcc0cd7a7ddd5fb8382fdc8958e35d9483eb1ab2eefc8f011d9a11672116f1");
  EXPECT_LT(peak_kib() - before, 16 * 1024);
  fs::remove(file);
}

struct Row {
  LaunchInput input;
  std::string firmware;
};

// guest.calc_launch_digest(SevMode.SEV_SNP, 1, signature, firmware, kernel, initrd, cmdline, features, ...)
std::optional<Row> parse(const std::string& call) {
  static const std::regex pattern(
      R"(SevMode\.(\w+), (\d+), (\S+), '[^']*/(\w+\.bin)', (\S+), (\S+), (None|'[^']*'), (\d+)(.*)\))");
  std::smatch match;
  if (!std::regex_search(call, match, pattern) || match[1] == "SEV_SNP_SVSM") return std::nullopt;
  Row row;
  row.firmware = match[4];
  LaunchInput& input = row.input;
  input.mode = match[1] == "SEV" ? SevMode::sev : match[1] == "SEV_ES" ? SevMode::sev_es : SevMode::sev_snp;
  input.vcpus = static_cast<std::uint32_t>(std::stoul(match[2]));
  input.cpu_signature = match[3] == "None" ? 0 : *cpu_signature("EPYC-v4");
  input.guest_features = std::stoul(match[8]);
  const std::string rest = match[9];
  if (rest.find("VMMType.ec2") != std::string::npos) input.hypervisor = Hypervisor::ec2;
  if (rest.find("VMMType.gce") != std::string::npos) input.hypervisor = Hypervisor::gce;
  if (match[5] != "None") {
    const std::string cmdline = match[7] == "None" ? "" : match[7].str().substr(1, match[7].str().size() - 2);
    input.kernel = DirectBoot{base::sha256({}), base::sha256({}), hash_cmdline(cmdline)};
  }
  return row;
}

TEST(LaunchDigests, EqualThoseOfSevSnpMeasure) {
  const fs::path folder = fs::path(BLINDBOX_SOURCE_DIR) / "tests" / "vectors" / "sev-snp-measure";
  std::size_t compared = 0;
  for (const auto& cells : rows(folder / "expected.tsv")) {
    ASSERT_EQ(cells.size(), 3U);
    SCOPED_TRACE(cells[0]);
    auto row = parse(cells[1]);
    ASSERT_TRUE(row);
    const auto firmware = base::read_file((folder / row->firmware).string(), kFirmwareCap);
    ASSERT_TRUE(firmware);
    if (cells[1].find("snp_ovmf_hash_str") != std::string::npos) {
      const auto own = firmware_digest(*firmware);
      ASSERT_TRUE(own);
      row->input.firmware = *own;
    }
    const auto digest = launch_digest(*firmware, row->input);
    if (cells[2].find("Kernel specified") != std::string::npos) {
      EXPECT_FALSE(digest);
    } else {
      ASSERT_TRUE(digest) << digest.error().what;
      EXPECT_NE(cells[2].find("'" + base::to_hex(*digest) + "'"), std::string::npos) << base::to_hex(*digest);
    }
    ++compared;
  }
  EXPECT_GE(compared, 24U);
}

// The sample of Azure's own tool, from the settings that it says it was made with.
TEST(ContainerPolicyVector, IsWhatAzuresToolWrites) {
  const fs::path file = foreign("confcom") / "aci_minimal_policy.rego";
  if (!fs::exists(file)) GTEST_SKIP() << "no vectors at " << file;
  ContainerPolicy policy;
  policy.api_version = "0.10.0";
  policy.fragments = {{"mcr.microsoft.com/aci/aci-cc-infra-fragment",
                       "did:x509:0:sha256:I__iuL25oXEVFdTP_aBLx_eT1RPHbCQ_ECBQfYZpt9s::eku:1.3.6.1.4.1.311.76.59.1.3",
                       "4",
                       {"containers", "fragments"}}};
  PolicyContainer& container = policy.containers.emplace_back();
  container.id =
      "mcr.microsoft.com/azurelinux/distroless/base@sha256:"
      "1e77d97e1e39f22ed9c52f49b3508b4c1044cec23743df9098ac44e025f654f2";
  container.name = "container1";
  container.environment = platform_environment();
  const auto layer = base::from_hex("243e1b3ce08093f2f0d9cd6a9eafde8737f64fec105ed59c346d309fbe760b58").value();
  std::copy(layer.begin(), layer.end(), container.layers.emplace_back().begin());
  container.mounts = {resolver_mount()};
  container.capabilities = default_capabilities();
  std::sort(container.capabilities.begin(), container.capabilities.end());
  container.allow_stdio = true;
  container.no_new_privileges = false;
  policy.containers.push_back(pause_container());
  policy.allow_properties_access = true;
  policy.allow_environment_variable_dropping = true;
  policy.allow_capability_dropping = true;
  std::ifstream in(file);
  std::stringstream expected;
  expected << in.rdbuf();
  // The tool prints the policy and three line breaks, which are not part of what is hashed.
  EXPECT_EQ(write_rego(policy) + "\n\n\n", expected.str());
}

}  // namespace
}  // namespace blindbox::measure
