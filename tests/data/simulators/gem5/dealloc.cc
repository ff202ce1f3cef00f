
void
SEWorkload::deallocPhysPage(Addr paddr, int pool_id)
{
    memPools.deallocPhysPages(paddr, 1, pool_id);
}
