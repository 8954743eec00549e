// SPDX-License-Identifier: Apache-2.0
// The container policy that admits one wrapped image, and nothing else, to a container group of Azure's.
#pragma once

#include "blindbox/measure/container_policy.h"
#include "blindbox/specification/specification.h"

namespace blindbox::deploy {

// Who starts the group: Azure container instances, or a virtual node of AKS in front of them, which mounts files of
// Kubernetes' into every container and sets variables that name the services of the cluster.
enum class Group { container_instances, virtual_node };

// What blindbox-init needs and no more: it gives the application another user, a root and limits of its own.
[[nodiscard]] std::vector<std::string> init_capabilities();

// It names no image: what counts are the layers (dm-verity root hashes, bottom first), and HOST_DATA must not depend on
// what the image is called or where it lies. Nobody can run a second process, read output, stacks or properties.
[[nodiscard]] measure::ContainerPolicy container_policy(const specification::Specification& specification,
                                                        const std::vector<base::Sha256>& layers, Group group);

}  // namespace blindbox::deploy
