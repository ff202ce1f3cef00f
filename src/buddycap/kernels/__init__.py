"""The versions of Linux that are simulated, one row each: their names, numbers and defaults."""

from .kernel import DEFRAG_MODES, Kernel
from .linux_2_6_27 import LINUX_2_6_27
from .linux_6_1 import LINUX_6_1
from .linux_6_12 import LINUX_6_12

__all__ = ["DEFRAG_MODES", "KERNELS", "Kernel"]

KERNELS = {kernel.release: kernel for kernel in (LINUX_2_6_27, LINUX_6_1, LINUX_6_12)}
