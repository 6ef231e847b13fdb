import type { RedisPurpose } from './redis-state.ts';

// How long it stays open. Then it is half-open: one command probes Redis, and all others still fail at once.
const OPEN_MS = 500;

/**
 * Keeps requests from waiting for a Redis that does not respond: while it is open, all commands but invalidations fail at once.
 */
export function createCircuitBreaker() {
  /** 0 while it is closed. */
  let openUntil = 0;
  let isProbing = false;
  return {
    isClosed: () => openUntil === 0,
    /** Whether a command may be sent. While this is not closed, any that is sent probes whether Redis responds again. */
    admit(purpose: RedisPurpose): 'USUAL' | 'PROBE' | 'REFUSED' {
      if (openUntil === 0) return 'USUAL';
      if (purpose !== 'invalidate' && (isProbing || performance.now() < openUntil)) return 'REFUSED';
      isProbing = true;
      return 'PROBE';
    },
    endProbe(): void {
      isProbing = false;
    },
    open(): void {
      openUntil = performance.now() + OPEN_MS;
    },
    close(): void {
      openUntil = 0;
    },
  };
}
